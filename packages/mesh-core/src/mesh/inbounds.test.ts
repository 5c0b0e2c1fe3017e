import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { Meter } from '../observe/meter.ts'
import { type EffectivePolicy, effectivePolicy, type PolicyDocument } from '../policy/index.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { testAccessGround } from '../testing/test-access-ground.ts'
import { Inbounds } from './inbounds.ts'

function policyOf(access: PolicyDocument['access']): EffectivePolicy {
  return effectivePolicy('payment', null, { service: 'payment', access }).policy
}

test('a policy in force judges the next call on every way in, and what was counted before stays', async () => {
  const clock = fakeClock()
  const accessGround = testAccessGround(clock)
  const ground = { clock, wheel: new TimerWheel(clock), random: () => 0, jitter: () => 0, meter: new Meter({ clock }), tracer: () => null }
  const inbounds = new Inbounds(ground, accessGround)
  const [http, grpc] = ['http', 'grpc'].map((name) => {
    const bottom = scriptedSend('ok')
    return inbounds.open(policyOf({}), { name, bottom, answer: () => bottom.outcomes[0] as never, header: () => null })
  })
  const ask = async (inbound = http): Promise<string> => {
    const call = new Call({
      service: 'payment',
      method: 'GET',
      path: '/',
      kind: 'unary',
      message: null,
      replayable: false,
      idempotent: false,
    })
    return (await inbound?.send(call))?.code ?? 'gone'
  }
  expect([await ask(http), await ask(grpc)]).toEqual(['', ''])
  const swap = inbounds.prepare(policyOf({ mtls: 'strict' }))
  expect(await ask(http)).toBe('')
  swap()
  expect([await ask(http), await ask(grpc)]).toEqual(['MTLS_REQUIRED', 'MTLS_REQUIRED'])
  inbounds.prepare(policyOf({}))()
  expect(await ask(http)).toBe('')
  expect([...accessGround.counts.refused.mtls_required.all()]).toMatchObject([{ calls: 2 }])
  expect([...accessGround.counts.plaintext.all()]).toMatchObject([{ calls: 4 }])
})
