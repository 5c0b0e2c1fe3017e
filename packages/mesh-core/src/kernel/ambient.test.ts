/** Calls made under a request end with it, and work that outlives it is free. */
import { array, assert, constantFrom, integer, property, tuple } from 'fast-check'
import { expect, test } from 'vitest'
import { Ambient, type Bound, currentAmbient, currentCaller, runUnder } from './ambient.ts'
import { CANCELLED, EXPIRED } from './verdict.ts'

class Work implements Bound {
  readonly ends: number[] = []

  end(why: typeof EXPIRED | typeof CANCELLED): void {
    this.ends.push(why)
  }
}

const newAmbient = (): Ambient => new Ambient(null, '', 1000)

test('when a request is given up, every call under way ends and later ones end as they join', () => {
  const ambient = newAmbient()
  const [one, two, three, late] = [new Work(), new Work(), new Work(), new Work()]
  for (const work of [one, two, three]) ambient.join(work)
  ambient.giveUp(CANCELLED, 0)
  ambient.giveUp(EXPIRED, 0)
  ambient.join(late)
  expect([one.ends, two.ends, three.ends, late.ends]).toEqual([[CANCELLED], [CANCELLED], [CANCELLED], [CANCELLED]])
})

test('a call that has left is not ended', () => {
  const ambient = newAmbient()
  const [first, second, third] = [new Work(), new Work(), new Work()]
  for (const work of [first, second, third]) ambient.join(work)
  ambient.leave(first)
  ambient.leave(third)
  ambient.leave(third)
  ambient.giveUp(EXPIRED, 0)
  expect([first.ends, second.ends, third.ends]).toEqual([[], [EXPIRED], []])
})

test('a call that leaves because another was ended disturbs nobody', () => {
  const ambient = newAmbient()
  const last = new Work()
  const leaver: Bound = {
    end: () => {
      ambient.leave(leaver)
      ambient.leave(last)
    },
  }
  for (const work of [new Work(), leaver, last]) ambient.join(work)
  ambient.giveUp(CANCELLED, 0)
  expect(ambient.ending).toBe(CANCELLED)
})

test('once a request is over it binds nothing and ends nothing', () => {
  const ambient = newAmbient()
  const work = new Work()
  ambient.join(work)
  expect(ambient.bindsAt(0)).toBe(true)
  ambient.finish()
  ambient.giveUp(CANCELLED, 0)
  expect(ambient.bindsAt(0)).toBe(false)
  expect(ambient.ending).toBe(0)
  expect(work.ends).toEqual([])
})

test('the running code finds its request, also across an await, and none outside', async () => {
  const [outer, inner] = [newAmbient(), newAmbient()]
  const seen = await runUnder(outer, async () => {
    await Promise.resolve()
    const within = runUnder(inner, currentAmbient)
    return [currentAmbient(), within, runUnder(null, currentAmbient)]
  })
  expect(seen).toEqual([outer, inner, null])
  expect(currentAmbient()).toBeNull()
})

test('whoever joins and leaves, exactly those under way are ended', () => {
  assert(
    property(array(tuple(constantFrom('join', 'leave'), integer({ min: 0, max: 5 }))), (steps) => {
      const ambient = newAmbient()
      const works = Array.from({ length: 6 }, () => new Work())
      const under = new Set<Work>()
      for (const [act, n] of steps) {
        const work = works[n] as Work
        if (act === 'leave') {
          ambient.leave(work)
          under.delete(work)
        } else if (!under.has(work)) {
          ambient.join(work)
          under.add(work)
        }
      }
      ambient.giveUp(CANCELLED, 0)
      for (const work of works) expect(work.ends).toEqual(under.has(work) ? [CANCELLED] : [])
    }),
  )
})

test('whoever serves a request can ask who sent it, and nobody else can', () => {
  const ambient = newAmbient()
  expect(currentCaller()).toBeNull()
  expect(runUnder(ambient, currentCaller)).toBeNull()
  ambient.caller = { service: 'cart', spiffeId: 'spiffe://shop/svc/cart' }
  expect(runUnder(ambient, currentCaller)).toEqual({ service: 'cart', spiffeId: 'spiffe://shop/svc/cart' })
  expect(runUnder(ambient, () => runUnder(null, currentCaller))).toBeNull()
})
