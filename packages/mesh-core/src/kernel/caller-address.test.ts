import { expect, test } from 'vitest'
import { callerAddress } from './caller-address.ts'

test('an IPv4 caller has one name, whichever kind of socket it reached', () => {
  const named = ['10.0.0.7', '::ffff:10.0.0.7', '::1', '2001:db8::ffff:7'].map((remoteAddress) => callerAddress({ remoteAddress }))
  expect(named).toEqual(['10.0.0.7', '10.0.0.7', '::1', '2001:db8::ffff:7'])
  expect(callerAddress({})).toBe('')
})
