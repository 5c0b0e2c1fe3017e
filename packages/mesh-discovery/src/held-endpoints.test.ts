import type { EndpointInfo } from '@zerohop/mesh-core'
import { type FakeClock, fakeClock } from '@zerohop/mesh-core/testing'
import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check'
import { expect, test } from 'vitest'
import { HeldEndpoints } from './held-endpoints.ts'

function at(...addresses: string[]): EndpointInfo[] {
  return addresses.map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
}

function scene(): { clock: FakeClock; held: HeldEndpoints; lines: string[]; shown: () => string[] | undefined } {
  const clock = fakeClock()
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const held = new HeldEndpoints({ title: 'consul: payment', clock, log: { info: say, warn: say, error: say }, holdEmptyMs: 30_000 })
  return { clock, held, lines, shown: () => held.watch.current?.map(({ address }) => address).sort() }
}

test('a full list is kept against a sudden empty one for the grace time, and then the registry is believed', async () => {
  const { clock, held, lines, shown } = scene()
  held.tell(at('a:1', 'b:1'))
  held.tell([])
  await clock.advance(29_999)
  expect([shown(), held.held]).toEqual([['a:1', 'b:1'], 2])
  await clock.advance(1)
  expect([shown(), held.held]).toEqual([[], 0])
  expect(lines).toEqual([
    'consul: payment: the registry lists no endpoint any more; the last 2 are used for 30 s yet',
    'consul: payment: the registry has listed no endpoint for 30 s, and is believed',
  ])
})

test('the first endpoint that is listed again ends the grace time of an empty list', async () => {
  const { clock, held, shown } = scene()
  held.tell(at('a:1', 'b:1'))
  held.tell([])
  held.tell(at('b:1'))
  expect([shown(), held.held, clock.pending]).toEqual([['b:1'], 0, 0])
})

test('an empty list of a registry in a new life is not believed at all, and its first endpoints do not push the others out', async () => {
  const { clock, held, lines, shown } = scene()
  held.tell(at('a:1', 'b:1'))
  held.tell([], true)
  expect(lines).toEqual(['consul: payment: the registry seems to have lost what it knew and lists 0 endpoints; the last 2 are kept'])
  await clock.advance(3_600_000)
  expect([shown(), held.held]).toEqual([['a:1', 'b:1'], 2])
  held.tell(at('c:1'))
  await clock.advance(29_999)
  expect([shown(), held.held]).toEqual([['a:1', 'b:1', 'c:1'], 2])
  await clock.advance(1)
  expect([shown(), held.held]).toEqual([['c:1'], 0])
})

test('a registry in a new life that forgets once more is not believed either', async () => {
  const { clock, held, shown } = scene()
  held.tell(at('a:1', 'b:1'))
  held.tell([], true)
  held.tell(at('c:1'))
  await clock.advance(10_000)
  held.tell([])
  await clock.advance(30_000)
  expect(shown()).toEqual(['a:1', 'b:1'])
  held.tell(at('c:1'))
  await clock.advance(30_000)
  expect([shown(), clock.pending]).toEqual([['c:1'], 0])
})

test('a new life in which everything is listed keeps nothing', () => {
  const { held, lines, clock } = scene()
  held.tell(at('a:1'))
  held.tell(at('a:1', 'b:1'), true)
  expect([held.held, lines, clock.pending]).toEqual([0, [], 0])
})

test('of a changed label the newest is shown, also while endpoints are kept', () => {
  const { held } = scene()
  held.tell(at('a:1', 'b:1'))
  held.tell([{ address: 'a:1', labels: { version: 'v2' }, zone: '', weight: 3 }], true)
  expect(held.watch.current?.find(({ address }) => address === 'a:1')).toEqual({
    address: 'a:1',
    labels: { version: 'v2' },
    zone: '',
    weight: 3,
  })
})

test('of an address that is listed twice the first record counts', () => {
  const { held } = scene()
  held.tell([...at('a:1'), { address: 'a:1', labels: {}, zone: 'z', weight: 9 }])
  expect(held.watch.current).toEqual(at('a:1'))
})

test('whatever is told, what is told is shown, a list that was full is never empty without a grace time, and nothing is kept for ever', async () => {
  const word = record({
    told: array(constantFrom('a:1', 'b:1', 'c:1'), { maxLength: 3 }),
    isReborn: boolean(),
    restMs: integer({ min: 0, max: 40_000 }),
  })
  await assert(
    asyncProperty(array(word, { maxLength: 12 }), async (words) => {
      const { clock, held, shown } = scene()
      for (const { told, isReborn, restMs } of words) {
        const wasFull = (shown()?.length ?? 0) > 0
        held.tell(at(...told), isReborn)
        expect(shown()).toEqual(expect.arrayContaining(told))
        expect((shown()?.length ?? 0) > 0).toBe(wasFull || told.length > 0)
        await clock.advance(restMs)
      }
      held.tell(at('z:1'))
      await clock.advance(30_000)
      expect([shown(), held.held, clock.pending]).toEqual([['z:1'], 0, 0])
    }),
    { numRuns: 60 },
  )
})
