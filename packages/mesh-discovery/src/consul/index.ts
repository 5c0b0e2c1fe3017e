/** Consul as a source of endpoints, and as the place where this process's servers are listed; needs the package `consul`. */

export { consulEndpoints } from './consul-endpoints.ts'
export type { ConsulAgentOptions, ConsulEndpointsOptions, ConsulRegistrationOptions } from './consul-options.ts'
export { consulRegistration } from './consul-registration.ts'
