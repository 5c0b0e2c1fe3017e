import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { SpacedLog } from './spaced-log.ts'

test('of a flood one line a second is said, and how many were not; other kinds are said all the same', async () => {
  const lines: string[] = []
  const clock = fakeClock()
  const log = new SpacedLog({ info: () => {}, warn: (line) => lines.push(line), error: () => {} }, clock)
  let made = 0
  const say = (kind: string): void => log.warn(kind, () => `${kind} ${++made}`)
  for (let n = 0; n < 5; n++) say('a')
  say('b')
  await clock.advance(999)
  say('a')
  expect(lines).toEqual(['a 1', 'b 2'])
  await clock.advance(1)
  say('a')
  say('b')
  expect(lines.slice(2)).toEqual(['a 3 (and 5 more since the last line)', 'b 4'])
})
