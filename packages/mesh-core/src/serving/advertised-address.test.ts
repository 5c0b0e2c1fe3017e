import { expect, test } from 'vitest'
import { advertisedAddress } from './advertised-address.ts'

test.each([
  ['', '127.0.0.1:8080', '127.0.0.1:8080'],
  ['', '[::1]:8080', '[::1]:8080'],
  ['cart-1.local', '0.0.0.0:8080', 'cart-1.local:8080'],
  ['cart-1.local:80', '0.0.0.0:8080', 'cart-1.local:80'],
  ['[fd00::1]', '[::]:8080', '[fd00::1]:8080'],
  ['[fd00::1]:80', '[::]:8080', '[fd00::1]:80'],
])('advertise %j, listening on %s: callers are told %s', (advertise, listening, expected) => {
  expect(advertisedAddress(advertise, listening)).toBe(expected)
})

test('a server that listens on all addresses is listed with one that others can reach', () => {
  for (const all of ['0.0.0.0:8080', '[::]:8080']) {
    const address = advertisedAddress('', all)
    expect(address).toMatch(/^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):8080$/)
    expect(address).not.toMatch(/^(0\.0\.0\.0|\[::\]|\[fe80)/)
  }
})
