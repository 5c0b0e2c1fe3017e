import { describe, expect, it } from 'vitest'
import { fakeClock } from './fake-clock.ts'

describe('a clock turned by hand', () => {
  it('stands still until it is turned', async () => {
    const clock = fakeClock()
    const fired: string[] = []
    clock.setTimer(0, () => fired.push('at once'))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(clock.now()).toBe(0)
    expect(fired).toEqual([])
    await clock.advance(0)
    expect(fired).toEqual(['at once'])
  })

  it('fires timers by due time, and equals in the order in which they were set', async () => {
    const clock = fakeClock()
    const fired: [string, number][] = []
    for (const [name, ms] of [
      ['late', 30],
      ['first of two', 20],
      ['early', 10],
      ['second of two', 20],
    ] as const) {
      clock.setTimer(ms, () => fired.push([name, clock.now()]))
    }
    await clock.advance('25ms')
    expect(fired).toEqual([
      ['early', 10],
      ['first of two', 20],
      ['second of two', 20],
    ])
    expect(clock.now()).toBe(25)
    expect(clock.pending).toBe(1)
  })

  it('fires timers that are set on the way, also by work that waited on promises', async () => {
    const clock = fakeClock()
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve))
    const woke: number[] = []
    const work = async (): Promise<void> => {
      for (let n = 0; n < 3; n++) {
        await sleep(100)
        // Hops through the event loop, as streams do.
        await new Promise((resolve) => setImmediate(resolve))
        await new Promise<void>((resolve) => queueMicrotask(resolve))
        woke.push(clock.now())
      }
    }
    void work()
    await clock.advance('1s')
    expect(woke).toEqual([100, 200, 300])
    expect(clock.now()).toBe(1000)
  })

  it('does not fire what was taken back, not even at the same moment', async () => {
    const clock = fakeClock()
    const fired: string[] = []
    clock.setTimer(10, () => {
      fired.push('first')
      second.cancel()
    })
    const second = clock.setTimer(10, () => fired.push('second'))
    const third = clock.setTimer(5, () => fired.push('third'))
    third.cancel()
    third.cancel()
    await clock.advance(10)
    expect(fired).toEqual(['first'])
    expect(clock.pending).toBe(0)
  })

  it('refuses to be turned from two places at once, and a duration that is none', async () => {
    const clock = fakeClock()
    const first = clock.advance(10)
    await expect(clock.advance(10)).rejects.toThrow('still under way')
    await first
    await expect(clock.advance('2 parsecs')).rejects.toThrow('expected milliseconds or a duration')
    expect(clock.now()).toBe(10)
  })
})
