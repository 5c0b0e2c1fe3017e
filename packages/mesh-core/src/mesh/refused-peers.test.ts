import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { RefusedPeers } from './refused-peers.ts'

test('every peer is counted by its reason, and a flood of them fills no log', async () => {
  const clock = fakeClock()
  const lines: string[] = []
  const refused = new RefusedPeers(clock, { info: () => {}, warn: (line) => lines.push(line), error: () => {} })
  for (let n = 0; n < 500; n++) refused.add('expired', 'its certificate has expired')
  refused.add('no_certificate', 'it showed none')
  expect(Object.fromEntries(refused.counts)).toEqual({ expired: 500, no_certificate: 1 })
  expect(lines).toEqual(['a peer was turned away: its certificate has expired', 'a peer was turned away: it showed none'])
  await clock.advance('1s')
  refused.add('expired', 'its certificate has expired')
  expect(lines.at(-1)).toMatch(/and 499 more/)
})

test('reasons without end are counted as other', () => {
  const refused = new RefusedPeers(fakeClock(), { info: () => {}, warn: () => {}, error: () => {} })
  for (let n = 0; n < 1000; n++) refused.add(`reason ${n}`, '')
  expect(refused.counts.size).toBe(65)
  expect(refused.counts.get('other')).toBe(936)
})
