import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { Attempts } from './attempts.ts'

test('each further failure waits longer, up to a second', async () => {
  const clock = fakeClock()
  const attempts = new Attempts(clock)
  const waits: number[] = []
  for (let at = 0; at < 22; at++) {
    const begun = clock.now()
    const answer = attempts.wait('10.0.0.1').then(() => waits.push(clock.now() - begun))
    await clock.advance(1000)
    await answer
    // One failure a second is forgiven: two are counted here for each one that passes.
    const quick = attempts.wait('10.0.0.1')
    await clock.advance(1000)
    await quick
  }
  expect(waits[0]).toBe(50)
  expect(Math.max(...waits)).toBeLessThanOrEqual(1000)
  for (let at = 1; at < waits.length; at++) expect(waits[at]).toBeGreaterThanOrEqual(waits[at - 1] as number)
})

test('an address with too many failures is turned away at once, and heard again when they are forgiven', async () => {
  const clock = fakeClock()
  const attempts = new Attempts(clock)
  const answers = Array.from({ length: 100 }, () => attempts.wait('10.0.0.1'))
  await clock.advance(1000)
  const heard = (await Promise.all(answers)).filter((isHeard) => isHeard).length
  expect(heard).toBe(20)
  expect(clock.pending).toBe(0)
  await clock.advance('30s')
  const late = attempts.wait('10.0.0.1')
  await clock.advance('1s')
  expect(await late).toBe(true)
})

test('one address does not spend the tries of another', async () => {
  const clock = fakeClock()
  const attempts = new Attempts(clock)
  const flood = Array.from({ length: 100 }, () => attempts.wait('10.0.0.1'))
  const other = attempts.wait('10.0.0.2')
  await clock.advance(50)
  expect(await other).toBe(true)
  await clock.advance(1000)
  await Promise.all(flood)
})

test('the addresses of one IPv6 network count as one, and so do the two ways to write an IPv4 address', async () => {
  const clock = fakeClock()
  const attempts = new Attempts(clock)
  const pairs = [
    ['2001:db8::1', '2001:db8:0:0:ffff::2'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
  ] as const
  for (const [one, other] of pairs) {
    const flood = Array.from({ length: 20 }, () => attempts.wait(one))
    expect(await attempts.wait(other)).toBe(false)
    await clock.advance(1000)
    await Promise.all(flood)
  }
  const elsewhere = attempts.wait('2001:db8:0:1::1')
  await clock.advance(50)
  expect(await elsewhere).toBe(true)
})

test('however many addresses fail, only the newest are remembered', async () => {
  const clock = fakeClock()
  const attempts = new Attempts(clock)
  const flood = Array.from({ length: 20 }, () => attempts.wait('10.0.0.1'))
  const others = Array.from({ length: 10_000 }, (_, at) => attempts.wait(`10.1.${at >> 8}.${at & 255}`))
  const forgotten = attempts.wait('10.0.0.1')
  await clock.advance(1000)
  expect(await forgotten).toBe(true)
  await Promise.all([...flood, ...others])
}, 20_000)
