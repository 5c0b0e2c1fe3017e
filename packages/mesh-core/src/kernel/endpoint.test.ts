/** An endpoint reads its address, asks its guard, and takes what is tied to it along when it goes. */
import { expect, test } from 'vitest'
import { Endpoint } from './endpoint.ts'

const at = (address: string): Endpoint => new Endpoint('cart', { address, labels: {}, zone: '', weight: 1 })

test.each([
  ['10.0.0.7:8080', '10.0.0.7', 8080],
  ['cart.internal:80', 'cart.internal', 80],
  ['[2001:db8::1]:8443', '2001:db8::1', 8443],
])('the address %s is the host %s and the port %i', (address, host, port) => {
  expect([at(address).host, at(address).port, at(address).address]).toEqual([host, port, address])
})

test('an endpoint without a guard admits everybody, one with a guard asks it', () => {
  const endpoint = at('10.0.0.7:80')
  expect(endpoint.admits(5)).toBe(true)
  const asked: number[] = []
  endpoint.guard = {
    out: false,
    admits: (now) => {
      asked.push(now)
      return false
    },
  }
  expect(endpoint.admits(5)).toBe(false)
  expect(asked).toEqual([5])
})

test('what is tied to an endpoint retires with it, once, and at once where it is gone already', () => {
  const endpoint = at('10.0.0.7:80')
  const retired: string[] = []
  endpoint.whenGone({ retire: () => retired.push('pool') })
  endpoint.whenGone({ retire: () => retired.push('guard') })
  expect(endpoint.gone).toBe(false)
  endpoint.retire()
  endpoint.retire()
  expect(endpoint.gone).toBe(true)
  expect(retired).toEqual(['pool', 'guard'])
  endpoint.whenGone({ retire: () => retired.push('late') })
  expect(retired).toEqual(['pool', 'guard', 'late'])
})
