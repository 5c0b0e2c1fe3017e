/** Layers fold over a bottom, the first one outermost. */
import { expect, test } from 'vitest'
import { scriptedSend } from '../testing/scripted-send.ts'
import { Call } from './call.ts'
import { type Layer, stack } from './layer.ts'

const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

test('a call passes the layers in their order, and its outcome in the opposite one; null is left out', async () => {
  const passed: string[] = []
  const named =
    (name: string): Layer =>
    (next) =>
    async (call) => {
      passed.push(`down ${name}`)
      const outcome = await next(call)
      passed.push(`up ${name}`)
      return outcome
    }
  const bottom = scriptedSend('ok')
  const outcome = await stack([named('a'), null, named('b')], bottom)(call)
  expect(passed).toEqual(['down a', 'down b', 'up b', 'up a'])
  expect(outcome).toBe(bottom.outcomes[0])
})

test('a stack without layers is its bottom', () => {
  const bottom = scriptedSend('ok')
  expect(stack([null], bottom)).toBe(bottom)
})
