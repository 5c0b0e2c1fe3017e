import { assert, integer, ipV4, ipV6, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { readAddress } from './address.ts'

test.each([
  ['10.0.0.1:8080', '10.0.0.1:8080'],
  ['localhost:1', 'localhost:1'],
  ['Inventory-0.Shop.svc:65535', 'inventory-0.shop.svc:65535'],
  ['[::1]:8080', '[::1]:8080'],
  ['[0:0:0:0:0:0:0:1]:8080', '[::1]:8080'],
  ['[2001:DB8::A]:443', '[2001:db8::a]:443'],
])('%s is the address %s', (written, address) => {
  expect(readAddress(written)).toEqual({ address })
})

test.each([
  ['10.0.0.1', 'expected `host:port`'],
  [':8080', 'expected `host:port`'],
  ['10.0.0.1:', 'expected `host:port`'],
  ['http://10.0.0.1:80', 'expected `host:port`'],
  ['', 'expected `host:port`'],
  ['::1:8080', 'stands in brackets'],
  ['::1', 'stands in brackets'],
  ['a:0', 'port 0 is none'],
  ['a:65536', 'port 65536 is none'],
  ['a:080', 'port 080 is none'],
  ['10.0.0.300:80', 'neither a host name nor an IP address'],
  ['10.1:80', 'neither a host name nor an IP address'],
  ['a..b:80', 'neither a host name nor an IP address'],
  ['a b:80', 'neither a host name nor an IP address'],
  ['a\r\nx:80', 'neither a host name nor an IP address'],
  ['-a:80', 'neither a host name nor an IP address'],
  ['user@a:80', 'neither a host name nor an IP address'],
  ['[fe80::1%eth0]:80', 'neither a host name nor an IP address'],
  ['[10.0.0.1]:80', 'neither a host name nor an IP address'],
  [`${'a'.repeat(64)}:80`, 'neither a host name nor an IP address'],
])('%j is no address', (written, problem) => {
  expect(readAddress(written)).toEqual({ problem: expect.stringContaining(problem) })
})

test('every IP address is one, whatever its form, and its canonical form stays as it is', () => {
  const port = integer({ min: 1, max: 65_535 })
  const stays = (written: string): boolean => {
    const reading = readAddress(written)
    return 'address' in reading && JSON.stringify(readAddress(reading.address)) === JSON.stringify(reading)
  }
  assert(property(ipV4(), port, (host, number) => stays(`${host}:${number}`)))
  assert(property(ipV6(), port, (host, number) => stays(`[${host}]:${number}`)))
})

test('no text makes reading throw', () => {
  assert(
    property(string({ unit: 'binary' }), (written) => {
      readAddress(written)
      readAddress(`[${written}]:80`)
    }),
  )
})
