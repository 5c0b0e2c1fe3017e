import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { OK, REFUSED } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { testAccessGround } from '../testing/test-access-ground.ts'
import { policyAwaited } from './policy-awaited.ts'

function aCall(): Call {
  const target = { service: 'payment', method: 'GET', path: '/' }
  return new Call({ ...target, kind: 'unary', message: null, replayable: false, idempotent: false })
}

test('calls are refused until there is a policy, and the operator is told why', async () => {
  const ground = testAccessGround(fakeClock())
  let why = 'no policy has come yet'
  const bottom = scriptedSend('ok')
  const send = policyAwaited({ ...ground, policyMissing: () => why })?.(bottom)
  expect(await send?.(aCall())).toMatchObject({ verdict: REFUSED, code: 'NO_POLICY' })
  expect(bottom.outcomes).toEqual([])
  expect(ground.lines).toEqual(['payment: turned a call away: no policy has come yet'])
  why = ''
  expect(await send?.(aCall())).toMatchObject({ verdict: OK })
})

test('where callers are let in without a policy there is no layer', () => {
  expect(policyAwaited(testAccessGround(fakeClock()))).toBeNull()
})
