import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { IssuedIdentity } from './issued-identity.ts'
import { OfficeUnderTest } from './office-under-test.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000
const authority = testAuthority()
const silence = { info: () => {}, warn: () => {}, error: () => {} }

function scene(lifeMs: number, random: () => number) {
  const clock = fakeClock()
  const startedAt = Date.now()
  const wall = { ahead: 0 }
  const wallNow = (): number => startedAt + clock.now() + wall.ahead
  const office = new OfficeUnderTest({ root: authority.root.pem, clock, issue: (issue) => authority.issue('cart', issue), wallNow, lifeMs })
  const identity = new IssuedIdentity({ service: 'cart', office, clock, random, log: silence, wallNow, aside: (work) => work() })
  const leftMs = (): number => (identity.current?.notAfter ?? 0) - wallNow()
  return { clock, wall, wallNow, office, identity, leftMs }
}

const outages = fc.record({
  life: fc.constantFrom(
    { ms: 20_000, kinds: ['refused'] },
    { ms: 600_000, kinds: ['refused', 'silence'] },
    { ms: 6 * hourMs, kinds: ['refused', 'silence'] },
  ),
  /** In lives: anywhere after the first certificate, or just before the moment at which it is to be renewed. */
  begin: fc.oneof(
    fc.record({ anywhere: fc.double({ min: 0, max: 2, noNaN: true }) }),
    fc.record({ before: fc.double({ min: 0, max: 0.005, noNaN: true }) }),
  ),
  kind: fc.nat(1),
  /** Draws the same number for ever: the latest moment and the longest pauses among them. */
  drawn: fc.constantFrom(0, 0.5, 0.999_999),
})

test('an office that is away for half of a life, from any moment on, harms nobody', async () => {
  let renewed = 0
  await fc.assert(
    fc.asyncProperty(outages, async ({ life, begin, kind, drawn }) => {
      const { clock, office, identity, leftMs, wallNow } = scene(life.ms, () => drawn)
      const least = { ms: Number.POSITIVE_INFINITY, notAfter: 0 }
      identity.subscribe((next) => {
        // What was left of the one before, when this one came.
        if (least.notAfter > 0) least.ms = Math.min(least.ms, least.notAfter - wallNow())
        least.notAfter = next.notAfter
        renewed++
      })
      identity.start()
      const lives = 'before' in begin ? 0.35 + 0.1 * drawn - begin.before : begin.anywhere
      await clock.advance(Math.round(lives * life.ms))
      office.outage = life.kinds[kind] === 'silence' ? 'silence' : new Error('ECONNREFUSED')
      await clock.advance(life.ms / 2)
      office.outage = null
      await clock.advance(Math.round(life.ms * 0.6))
      // Readiness ends with 3 % left.
      expect(Math.min(least.ms, leftMs())).toBeGreaterThan(life.ms * 0.03)
      await identity.close()
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 60 },
  )
  expect(renewed).toBeGreaterThan(120)
}, 60_000)

test('an office that is away for longer is asked ever more rarely, and found again soon', async () => {
  const { clock, office, identity, leftMs } = scene(dayMs, () => 0.5)
  identity.start()
  await clock.advance(0)
  office.outage = new Error('ECONNREFUSED')
  await clock.advance(dayMs)
  expect(leftMs()).toBeLessThanOrEqual(0)
  expect(identity.problem).toBe('ECONNREFUSED')
  expect(identity.renewals.get('failed')).toBeLessThan(1500)
  office.outage = null
  await clock.advance('1m')
  expect(leftMs()).toBeGreaterThan(0)
  await identity.close()
})

test('a machine that slept, and a clock that was put forward, are noticed within half a minute', async () => {
  for (const ahead of [0.5 * dayMs, 3 * dayMs]) {
    const { clock, wall, office, identity, leftMs } = scene(dayMs, () => 0.5)
    identity.start()
    await clock.advance('1h')
    wall.ahead = ahead
    await clock.advance('30s')
    expect(office.asked).toHaveLength(2)
    expect(leftMs()).toBeGreaterThan(0.9 * dayMs)
    await identity.close()
  }
})

test('a clock that was put back does not put off a renewal', async () => {
  const { clock, wall, office, identity } = scene(hourMs, () => 0)
  identity.start()
  await clock.advance('1m')
  wall.ahead = -60_000
  await clock.advance(hourMs * 0.36)
  expect(office.asked).toHaveLength(2)
  await identity.close()
})

test('a wish of the control API renews once, at a random point of half a minute, each by its own dice', async () => {
  for (const drawn of [0, 0.5, 0.999]) {
    const dice = { now: 0.5 }
    const { clock, office, identity, wallNow } = scene(dayMs, () => dice.now)
    identity.start()
    await clock.advance('1h')
    dice.now = drawn
    office.renewBefore = wallNow()
    const wishedAt = wallNow()
    office.push()
    await clock.advance('31s')
    expect(office.asked).toHaveLength(2)
    expect((office.asked[1]?.at ?? 0) - wishedAt).toBeCloseTo(drawn * 30_000, -1)
    office.push()
    await clock.advance('10m')
    expect(office.asked).toHaveLength(2)
    await identity.close()
  }
})

test('a wish is met once, however wrong the clock of this machine is', async () => {
  for (const ahead of [-hourMs, hourMs]) {
    const { clock, office, identity, wallNow } = scene(dayMs, () => 0.5)
    identity.start()
    await clock.advance('1m')
    office.renewBefore = wallNow() - ahead
    office.push()
    await clock.advance('10m')
    expect(office.asked).toHaveLength(2)
    await identity.close()
  }
})

test('a wish of long ago, heard with the first certificate, is met by it', async () => {
  const { clock, office, identity, wallNow } = scene(dayMs, () => 0.5)
  office.renewBefore = wallNow() - hourMs
  identity.start()
  await clock.advance('10m')
  expect(office.asked).toHaveLength(1)
  await identity.close()
})

test('where nobody issues certificates that is said once, waited for without haste, and ends when somebody does', async () => {
  const { clock, office, identity } = scene(dayMs, () => 0.5)
  office.isAbsent = true
  identity.start()
  await identity.settled()
  expect([identity.isAbsent, identity.current]).toEqual([true, undefined])
  await clock.advance('4m')
  expect(identity.renewals.get('failed')).toBe(1)
  office.isAbsent = false
  await clock.advance('2m')
  expect([identity.isAbsent, identity.current?.generation]).toEqual([false, 1])
  await identity.close()
})

test('a renewal that is asked for comes at once, two together are one, and a vain one ends too', async () => {
  const { clock, office, identity } = scene(dayMs, () => 0.5)
  await identity.renew()
  expect(identity.current?.generation).toBe(1)
  await Promise.all([identity.renew(), identity.renew()])
  expect(identity.current?.generation).toBe(2)
  office.outage = new Error('ECONNREFUSED')
  await identity.renew()
  expect([identity.current?.generation, identity.problem]).toEqual([2, 'ECONNREFUSED'])
  office.outage = 'silence'
  const vain = identity.renew()
  await clock.advance(0)
  await identity.close()
  await vain
  await identity.renew()
  expect(clock.pending).toBe(0)
})
