/** Consul as a source of endpoints and of identities, and as the place where this process's servers are listed; needs the package `consul`. */

export { connectIdentity } from './connect-identity.ts'
export { consulEndpoints } from './consul-endpoints.ts'
export type { ConnectIdentityOptions, ConsulAgentOptions, ConsulEndpointsOptions, ConsulRegistrationOptions } from './consul-options.ts'
export { consulRegistration } from './consul-registration.ts'
