/** Where the mesh finds endpoints: from code, from a file that is followed, from DNS. */

export { dnsEndpoints } from './dns/dns.ts'
export type { DnsEndpointsOptions } from './dns/dns-options.ts'
export type { EndpointInput } from './endpoint-table.ts'
export { type FileEndpointsOptions, fileEndpoints } from './file.ts'
export { firstOf } from './first-of.ts'
export { merge } from './merge.ts'
export { staticEndpoints } from './static.ts'
