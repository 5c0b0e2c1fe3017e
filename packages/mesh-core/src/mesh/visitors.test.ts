import { expect, test } from 'vitest'
import type { IdentitySource } from '../kernel/identity.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { Visitors } from './visitors.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

function visitorsOf(source: () => IdentitySource | null): Visitors {
  return new Visitors({ clock: fakeClock(), log: quiet, source })
}

test('callers of this mesh have the names of their services, others their SPIFFE ID alone, strangers nothing', () => {
  const authority = testAuthority('shop.internal')
  const visitors = visitorsOf(() => authority.identitySource('payment'))
  expect(visitors.callerOf('spiffe://shop.internal/svc/cart')).toEqual({ service: 'cart', spiffeId: 'spiffe://shop.internal/svc/cart' })
  expect(visitors.callerOf('spiffe://partner/svc/cart')).toEqual({ service: '', spiffeId: 'spiffe://partner/svc/cart' })
  expect(visitors.callerOf('')).toBeNull()
})

test('each is looked up once, and anew for another identity', () => {
  const source = testAuthority('shop.internal').identitySource('payment')
  const visitors = visitorsOf(() => source)
  const id = 'spiffe://shop.internal/svc/cart'
  const first = visitors.callerOf(id)
  expect(visitors.callerOf(id)).toBe(first)
  source.turn(testAuthority('other.internal').identityOf('payment'))
  expect(visitors.callerOf(id)).toEqual({ service: '', spiffeId: id })
})

test('however many callers there are, no more than a thousand are kept', () => {
  const source = testAuthority('shop.internal').identitySource('payment')
  const visitors = visitorsOf(() => source)
  const first = visitors.callerOf('spiffe://partner/0')
  for (let n = 0; n < 1000; n++) visitors.callerOf(`spiffe://partner/${n}`)
  expect(visitors.callerOf('spiffe://partner/0')).not.toBe(first)
})

test('without a source of an identity nobody could come by mutual TLS', () => {
  expect(visitorsOf(() => null).takesMtls).toBe(false)
  expect(visitorsOf(() => null).callerOf('spiffe://a/b')).toEqual({ service: '', spiffeId: 'spiffe://a/b' })
})
