import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { IssuanceRate } from './issuance-rate.ts'

const dayMs = 86_400_000

function granted(rate: IssuanceRate, service: string, asked: number): number {
  return Array.from({ length: asked }, () => rate.takes(service)).filter((isGranted) => isGranted).length
}

test('a service may ask for many at once, and then for 25 a second', async () => {
  const clock = fakeClock()
  const rate = new IssuanceRate(clock, dayMs)
  expect(granted(rate, 'cart', 1000)).toBe(250)
  await clock.advance('1s')
  expect(granted(rate, 'cart', 1000)).toBe(25)
  await clock.advance('1m')
  expect(granted(rate, 'cart', 1000)).toBe(250)
})

/** What somebody gets in `ms` who asks without a rest. */
async function gotIn(ms: number, lifeMs: number): Promise<number> {
  const clock = fakeClock()
  const rate = new IssuanceRate(clock, lifeMs)
  let got = 0
  for (let passed = 0; passed < ms; passed += 10_000) {
    got += granted(rate, 'cart', 300)
    await clock.advance(10_000)
  }
  return got
}

test('a service of ten thousand is started anew and renewed at once, and renews for ever', async () => {
  expect(await gotIn(900_000, dayMs)).toBeGreaterThan(20_000)
  for (const lifeMs of [3_600_000, dayMs])
    expect((await gotIn(dayMs, lifeMs)) - 20_000).toBeGreaterThan(((10_000 * dayMs) / lifeMs / 0.4) * 0.99)
})

test('whoever asks without a rest gets no more in a life of a certificate than some certificates for each of ten thousand', async () => {
  expect(await gotIn(dayMs, dayMs)).toBeLessThan(50_000)
  expect(await gotIn(2 * dayMs, dayMs)).toBeLessThan(80_000)
})

test('what one service asks for is not taken from another, however many there are', () => {
  const rate = new IssuanceRate(fakeClock(), dayMs)
  granted(rate, 'cart', 1000)
  for (let at = 0; at < 5000; at++) expect(rate.takes(`s${at}`)).toBe(true)
  expect(rate.takes('cart')).toBe(false)
})
