import { expect, test } from 'vitest'
import { type DnsEndpointsOptions, readDnsOptions } from './dns-options.ts'

test.each([
  ['Inventory.Internal.:8080', { name: 'inventory.internal', type: 'address', port: 8080 }],
  ['_http._tcp.inventory.internal', { name: '_http._tcp.inventory.internal', type: 'SRV', port: 0 }],
  [
    { name: 'a.internal', type: 'AAAA', port: 80 },
    { name: 'a.internal', type: 'AAAA', port: 80 },
  ],
] as const)('%j names its records', (written, target) => {
  expect(readDnsOptions({ services: { inventory: written } }).services).toEqual({ inventory: target })
})

test('servers are addresses, with a port or without', () => {
  const { servers } = readDnsOptions({ template: '{service}.internal:80', servers: ['10.0.0.2', '127.0.0.1:5353', '::1', '[::1]:5353'] })
  expect(servers).toEqual([
    { host: '10.0.0.2', port: 53 },
    { host: '127.0.0.1', port: 5353 },
    { host: '::1', port: 53 },
    { host: '::1', port: 5353 },
  ])
})

test.each<[string, DnsEndpointsOptions, string]>([
  ['nothing', {}, 'services: expected at least one service, or a `template`'],
  ['a name without a port', { services: { a: 'a.internal' } }, 'services.a: expected a port'],
  ['a port that is none', { services: { a: 'a.internal:99999' } }, 'services.a: port 99999 is none'],
  ['an address', { services: { a: '10.0.0.1:80' } }, 'is an IP address, which needs no DNS'],
  ['an SRV name with a port', { services: { a: { name: '_http._tcp.a', type: 'SRV', port: 80 } } }, 'leave `port` out'],
  ['a map without a port', { services: { a: { name: 'a.internal' } } }, 'expected a `port`'],
  ['a name that is none', { services: { a: { name: 'a b', port: 80 } } }, 'neither a host name nor an IP address'],
  ['a template without its place', { template: 'a.internal:80' }, 'template: expected {service} in it'],
  ['a server with a name', { template: '{service}:80', servers: ['dns.internal'] }, 'servers[0]: expected an IP address'],
  ['a time that is none', { template: '{service}:80', holdEmptyMs: -1 }, 'holdEmptyMs: expected a number of milliseconds'],
  ['times that cross', { template: '{service}:80', minTtlMs: 120_000 }, 'minTtlMs: is longer than `maxTtlMs`'],
  ['a time for servers that are not named', { template: '{service}:80', timeoutMs: 500 }, 'timeoutMs: means nothing without `servers`'],
  ['an unknown key', { template: '{service}:80', ttl: 1 } as DnsEndpointsOptions, 'ttl'],
])('%s is refused, and the field named', (_, options, problem) => {
  expect(() => readDnsOptions(options)).toThrow(problem)
})
