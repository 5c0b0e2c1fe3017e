import type { EndpointInfo } from '@zerohop/mesh-core'
import { type FakeClock, fakeClock, seededRandom } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { type Poll, RefreshLoop, type RefreshOptions } from './refresh-loop.ts'

function at(...addresses: string[]): EndpointInfo[] {
  return addresses.map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
}

type Step = Partial<Poll> | Error | 'hang'

interface Scene {
  readonly clock: FakeClock
  readonly loop: RefreshLoop
  readonly lines: string[]
  /** The times at which the registry was asked. */
  readonly asked: number[]
  /** The addresses of every update. */
  readonly updates: string[][]
}

/** A registry that answers by a script; its last step holds for ever. */
function scene(steps: readonly Step[], options: Partial<RefreshOptions> = {}): Scene {
  const clock = fakeClock()
  const lines: string[] = []
  const asked: number[] = []
  const updates: string[][] = []
  const say = (line: string): void => void lines.push(line)
  const loop = new RefreshLoop({
    source: 'consul',
    service: 'payment',
    clock,
    random: seededRandom(1),
    log: { info: say, warn: say, error: say },
    poll: async (signal) => {
      const step = steps[Math.min(asked.length, steps.length - 1)] as Step
      asked.push(clock.now())
      if (step instanceof Error) throw step
      if (step === 'hang') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      return { endpoints: [], restMs: 1000, ...(step as Partial<Poll>) }
    },
    ...options,
  })
  loop.watch.subscribe((list) => updates.push(list.map(({ address }) => address)))
  loop.start()
  return { clock, loop, lines, asked, updates }
}

test('the pause between two questions is what the answer says, and never less than 100 ms', async () => {
  const { clock, loop, asked } = scene([{ restMs: 1000 }, { restMs: 0 }])
  await clock.advance(1250)
  expect(asked).toEqual([0, 1000, 1100, 1200])
  await loop.close()
})

test('answers that say the same, in whatever order, are no update, and their records stay the same objects', async () => {
  const { clock, loop, updates } = scene([
    { endpoints: at('a:1', 'b:1') },
    { endpoints: at('b:1', 'a:1') },
    { endpoints: at('b:1', 'c:1') },
  ])
  await clock.advance(0)
  const before = loop.watch.current?.[1]
  await clock.advance(1500)
  expect(updates).toEqual([['a:1', 'b:1']])
  await clock.advance(1000)
  expect(updates.at(-1)).toEqual(['b:1', 'c:1'])
  expect(loop.watch.current?.[0]).toBe(before)
  await loop.close()
})

test('a registry that is gone leaves the last endpoints, is asked ever more rarely up to every 4 s, and is reported once', async () => {
  const { clock, loop, updates, asked, lines } = scene([{ endpoints: at('a:1') }, new Error('10.0.0.9:8500 refused the connection')])
  await clock.advance(61_000)
  const pauses = asked.slice(1).map((time, index) => time - (asked[index] as number))
  expect(Math.max(...pauses)).toBeLessThanOrEqual(4000)
  expect(Math.min(...pauses.slice(6))).toBeGreaterThanOrEqual(2000)
  expect(asked.length).toBeLessThan(40)
  expect(updates).toEqual([['a:1']])
  expect(lines).toEqual(['consul: payment keeps its 1 endpoints, and is tried again: 10.0.0.9:8500 refused the connection'])
  expect(loop.freshness).toEqual({ source: 'consul', service: 'payment', ageMs: 61_000, failures: asked.length - 1, held: 0 })
  await loop.close()
})

test('a registry that comes back is reported, and a later failure is news again', async () => {
  const down = new Error('nobody answers')
  const { clock, loop, lines } = scene([down, { endpoints: at('a:1') }, down, { endpoints: at('a:1') }])
  await clock.advance(10_000)
  expect(lines).toEqual([
    'consul: payment has no endpoints yet, and is tried again: nobody answers',
    'consul: payment: in contact again',
    'consul: payment keeps its 1 endpoints, and is tried again: nobody answers',
    'consul: payment: in contact again',
  ])
  await loop.close()
})

test('several addresses are gone through without a pause, once', async () => {
  const { clock, loop, asked } = scene([new Error('no')], { addresses: 3 })
  await clock.advance(199)
  expect(asked).toEqual([0, 0, 0])
  await loop.close()
})

test('before the first answer nothing is known, and its age is -1', async () => {
  const { clock, loop } = scene([new Error('no'), { endpoints: [] }])
  await clock.advance(0)
  expect([loop.watch.current, loop.freshness.ageMs]).toEqual([undefined, -1])
  await clock.advance(1000)
  await loop.first()
  expect(loop.watch.current).toEqual([])
  await loop.close()
})

test('a close gives up the question under way and leaves no timer', async () => {
  const { clock, loop, asked } = scene([{ endpoints: at('a:1') }, {}, 'hang'])
  await clock.advance(5000)
  expect(loop.freshness.held).toBe(1)
  await loop.close()
  expect([asked.length, clock.pending, loop.watch.current?.length]).toEqual([3, 0, 1])
})
