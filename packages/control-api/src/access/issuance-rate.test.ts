import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { IssuanceRate } from './issuance-rate.ts'

function granted(rate: IssuanceRate, service: string, asked: number): number {
  return Array.from({ length: asked }, () => rate.takes(service)).filter((isGranted) => isGranted).length
}

test('a service may ask for many at once, and then for 25 a second', async () => {
  const clock = fakeClock()
  const rate = new IssuanceRate(clock)
  expect(granted(rate, 'cart', 1000)).toBe(250)
  await clock.advance('1s')
  expect(granted(rate, 'cart', 1000)).toBe(25)
  await clock.advance('1m')
  expect(granted(rate, 'cart', 1000)).toBe(250)
})

test('what one service asks for is not taken from another, however many there are', () => {
  const rate = new IssuanceRate(fakeClock())
  granted(rate, 'cart', 1000)
  for (let at = 0; at < 5000; at++) expect(rate.takes(`s${at}`)).toBe(true)
  expect(rate.takes('cart')).toBe(false)
})
