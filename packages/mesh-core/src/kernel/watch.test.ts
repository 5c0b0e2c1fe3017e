/** Everybody who listens hears every value, and the newest last. */
import { expect, test } from 'vitest'
import { WatchSource } from './watch.ts'

test('a value is there to read and told to those who listen from then on', () => {
  const source = new WatchSource<number>()
  expect(source.current).toBeUndefined()
  source.set(1)
  const heard: number[] = []
  const stop = source.subscribe((value) => heard.push(value))
  source.set(2)
  stop()
  stop()
  source.set(3)
  expect(heard).toEqual([2])
  expect(source.current).toBe(3)
  expect(source.listeners).toBe(0)
})

test('one function subscribed twice is two subscriptions', () => {
  const source = new WatchSource<number>(0)
  const heard: number[] = []
  const listener = (value: number): unknown => heard.push(value)
  const stop = source.subscribe(listener)
  source.subscribe(listener)
  stop()
  source.set(1)
  expect(heard).toEqual([1])
})

test('a listener that another one stops hears nothing more', () => {
  const source = new WatchSource<number>()
  const heard: number[] = []
  source.subscribe(() => stop())
  const stop = source.subscribe((value) => heard.push(value))
  source.set(1)
  expect(heard).toEqual([])
})

test('a listener that publishes anew leaves nobody with the older value', () => {
  const source = new WatchSource<number>()
  const heard: number[] = []
  source.subscribe((value) => {
    if (value === 1) source.set(2)
  })
  source.subscribe((value) => heard.push(value))
  source.set(1)
  expect(heard).toEqual([2])
})

test('a listener that throws is reported and harms no other', async () => {
  const source = new WatchSource<number>()
  const heard: number[] = []
  source.subscribe(() => {
    throw new Error('a bad listener')
  })
  source.subscribe((value) => heard.push(value))
  const reported: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => reported.push((error as Error).message))
  source.set(1)
  await new Promise((resolve) => setImmediate(resolve))
  process.removeAllListeners('uncaughtException')
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect(heard).toEqual([1])
  expect(reported).toEqual(['a bad listener'])
})
