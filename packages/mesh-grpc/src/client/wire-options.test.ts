import { expect, test } from 'vitest'
import { WireOptionTable } from './wire-options.ts'

test.each([
  [undefined, 30 * 60_000],
  [0, 1000],
  [-1, 1000],
  [1500, 1500],
  [Number.POSITIVE_INFINITY, 2 ** 31 - 1],
])('a connection that is to idle %s ms idles %s', (given, idleMs) => {
  const options = given === undefined ? {} : { 'grpc.client_idle_timeout_ms': given }
  expect(new WireOptionTable().of(options).idleMs).toBe(idleMs)
})

test('programs that ask for the same have the same options, and those that do not have others', () => {
  const table = new WireOptionTable()
  const plain = table.of({})
  expect(table.of({ 'grpc.enable_retries': 0 })).toBe(plain)
  expect(table.of({ 'grpc.default_authority': 'shop' })).not.toBe(plain)
})
