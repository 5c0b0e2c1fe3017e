import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Outcome } from '../kernel/outcome.ts'
import { OK } from '../kernel/verdict.ts'
import { serviceInSpiffeId } from '../policy/index.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { assembleMesh } from './mesh.ts'
import { partsOf } from './mesh-face.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

function underTest(access: object) {
  const clock = fakeClock()
  const identity = testAuthority('shop').identitySource('payment')
  const mesh = assembleMesh(
    { service: 'payment', identity, policy: { service: 'payment', access }, log: quiet },
    { clock, random: () => 0, jitter: () => 0, network: null },
  )
  const answer = (call: Call): Outcome => {
    const reply = { status: '200', discard: () => {} }
    return new Outcome(call, OK, { reply, error: null, code: '', at: 0, retryAfterMs: -1, staleConnection: false, open: false })
  }
  const inbound = partsOf(mesh).inbound({ name: 'http', bottom: async (call) => answer(call), answer, header: () => null })
  const ask = async (peer: string, from = ''): Promise<string> => {
    const call = new Call({
      service: 'payment',
      method: 'GET',
      path: '/',
      kind: 'unary',
      message: null,
      replayable: false,
      idempotent: false,
    })
    call.startedAt = clock.now()
    if (peer !== '') call.caller = { service: serviceInSpiffeId('shop', peer), spiffeId: peer }
    call.from = from
    return (await inbound.send(call)).code
  }
  return { mesh, clock, ask }
}

test('who still calls in plaintext is named in metrics and in explain, the latest first', async () => {
  const { mesh, clock, ask } = underTest({})
  await ask('', '10.0.0.7')
  await clock.advance('5s')
  await ask('', '10.0.0.9')
  await ask('spiffe://shop/svc/cart', '10.0.0.8')
  await clock.advance('1s')
  expect(mesh.explain().visitors).toEqual({
    plaintext: [
      { caller: '10.0.0.9', calls: 1, agoMs: 1000 },
      { caller: '10.0.0.7', calls: 1, agoMs: 6000 },
    ],
    refused: [],
    wouldRefuse: [],
  })
  expect(await mesh.metrics()).toContain('zerohop_plaintext_calls_total{caller="10.0.0.7"} 1')
  await mesh.close()
})

test('who is turned away is counted with the reason, as an inbound call that was refused', async () => {
  const { mesh, ask } = underTest({ mtls: 'strict', allow: [{ from: ['cart'] }] })
  expect([await ask('spiffe://shop/svc/cart'), await ask('spiffe://shop/svc/crawler'), await ask('', '10.0.0.7')]).toEqual([
    '',
    'FORBIDDEN',
    'MTLS_REQUIRED',
  ])
  const metrics = await mesh.metrics()
  expect(metrics).toContain('zerohop_access_refused_total{reason="not_allowed",caller="crawler"} 1')
  expect(metrics).toContain('zerohop_access_refused_total{reason="mtls_required",caller="10.0.0.7"} 1')
  expect(metrics).toMatch(/calls_total\{verdict="refused",status="FORBIDDEN",direction="inbound",protocol="http",service="payment"\} 1/)
  expect(mesh.explain().visitors.refused.map(({ caller, reason }) => [caller, reason])).toEqual([
    ['10.0.0.7', 'mtls_required'],
    ['crawler', 'not_allowed'],
  ])
  await mesh.close()
})

test('a trial counts, and shows in the notes that it is one', async () => {
  const { mesh, ask } = underTest({ dryRun: true, default: 'deny' })
  expect(await ask('spiffe://shop/svc/cart')).toBe('')
  expect(await mesh.metrics()).toContain('zerohop_access_would_refuse_total{reason="not_allowed",caller="cart"} 1')
  expect(mesh.explain().visitors.wouldRefuse).toMatchObject([{ caller: 'cart', reason: 'not_allowed' }])
  expect(mesh.explain('payment').services[0]?.notes.join('\n')).toContain('access is tried only')
  await mesh.close()
})
