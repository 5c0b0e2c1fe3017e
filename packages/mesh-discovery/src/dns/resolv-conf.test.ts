import { assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { readResolvConf } from './resolv-conf.ts'

test('servers, timeout and attempts are read; the rest is for other programs', () => {
  const text =
    '# written by a machine\nsearch shop.internal\nnameserver 10.0.0.2 ; first\r\nnameserver\tfd00::1\noptions ndots:5 timeout:3 attempts:4\n'
  expect(readResolvConf(text)).toEqual({
    servers: [
      { host: '10.0.0.2', port: 53 },
      { host: 'fd00::1', port: 53 },
    ],
    timeoutMs: 3000,
    rounds: 4,
    problems: [],
  })
})

test('a server that is no address is told with its line, and the others are used', () => {
  const { servers, problems } = readResolvConf('nameserver dns.internal\nnameserver 10.0.0.2\nnameserver')
  expect(servers).toEqual([{ host: '10.0.0.2', port: 53 }])
  expect(problems).toEqual(['line 1: nameserver: "dns.internal" is no IP address', 'line 3: nameserver: "" is no IP address'])
})

test('without a usable server the one on this machine is meant', () => {
  expect(readResolvConf('').servers).toEqual([{ host: '127.0.0.1', port: 53 }])
})

test('three servers are the most, and numbers keep within the bounds of the C library', () => {
  const { servers, timeoutMs, rounds } = readResolvConf(`${'nameserver 10.0.0.2\n'.repeat(9)}options timeout:9999 attempts:0`)
  expect([servers.length, timeoutMs, rounds]).toEqual([3, 30_000, 1])
})

test('whatever the file holds, there is a server to ask', () => {
  assert(property(string({ maxLength: 300 }), (text) => readResolvConf(text).servers.length > 0))
})
