import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import type { Outcome } from '../kernel/outcome.ts'
import { OK, REFUSED } from '../kernel/verdict.ts'
import { effectivePolicy, type PolicyDocument, serviceInSpiffeId } from '../policy/index.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { testAccessGround } from '../testing/test-access-ground.ts'
import { access } from './access.ts'

type Access = PolicyDocument['access']

const cart = 'spiffe://shop/svc/cart'

function underTest(written: Access, takesMtls = true) {
  const clock = fakeClock()
  const accessGround = testAccessGround(clock, takesMtls)
  const { policy } = effectivePolicy('payment', null, { service: 'payment', access: written })
  const layer = access({ policy: policy.access, headerOf: () => null, accessGround })
  const bottom = scriptedSend('ok')
  const send = layer?.(bottom) ?? null
  const ask = async (peer: string, more: Partial<Pick<Call, 'from' | 'path' | 'method'>> = {}): Promise<Outcome> => {
    const { path = '/', method = 'GET', from = '10.0.0.7' } = more
    const call = new Call({ service: 'payment', method, path, kind: 'unary', message: null, replayable: false, idempotent: false })
    call.startedAt = clock.now()
    if (peer !== '') call.caller = { service: serviceInSpiffeId('shop', peer), spiffeId: peer }
    call.from = from
    return (send ?? bottom)(call)
  }
  return { clock, accessGround, layer, bottom, ask, counts: accessGround.counts, lines: accessGround.lines }
}

describe('where a policy says nothing of access', () => {
  test('there is no layer, unless plaintext is worth a count', () => {
    expect(underTest({}, false).layer).toBeNull()
    expect(underTest({ mtls: 'disabled' }).layer).toBeNull()
    expect(underTest({ mtls: 'disabled', allow: [], default: 'allow', dryRun: false }).layer).toBeNull()
    expect(underTest({}).layer).not.toBeNull()
  })

  test('callers in plaintext are counted by their address, and let in', async () => {
    const { ask, counts, lines } = underTest({})
    for (const from of ['10.0.0.7', '::ffff:10.0.0.7', 'fd00::1', '']) expect((await ask('', { from })).verdict).toBe(OK)
    await ask(cart)
    const counted = [...counts.plaintext.all()].map(({ caller, calls }) => [caller, calls])
    expect(counted).toEqual([
      ['10.0.0.7', 2],
      ['fd00::1', 1],
      ['unknown', 1],
    ])
    expect(lines).toEqual([])
  })

  test('they are no longer once it turns out that there is no identity to be had', async () => {
    const { ask, counts, accessGround } = underTest({})
    Object.assign(accessGround, { takesMtls: false })
    await ask('')
    expect([...counts.plaintext.all()]).toEqual([])
  })
})

describe('strict', () => {
  test('turns away who comes in plaintext, whatever the rules say, and lets in who proves who it is', async () => {
    const { ask, bottom, counts, lines } = underTest({ mtls: 'strict', dryRun: true, deny: [{ paths: ['/x'] }] })
    expect(await ask('', { path: '/pay?card=4111', method: 'POST' })).toMatchObject({
      verdict: REFUSED,
      code: 'MTLS_REQUIRED',
      reply: null,
    })
    expect((await ask(cart)).verdict).toBe(OK)
    expect(bottom.attempts).toHaveLength(1)
    expect([...counts.refused.mtls_required.all()]).toMatchObject([{ caller: '10.0.0.7', calls: 1 }])
    expect(lines).toEqual([
      'payment: turned away a caller in plaintext from 10.0.0.7 for "POST" "/pay": it came in plaintext, and access.mtls is strict',
    ])
  })

  test('holds also where this process has no identity: nobody can come then', async () => {
    expect((await underTest({ mtls: 'strict' }, false).ask('')).code).toBe('MTLS_REQUIRED')
  })
})

describe('rules', () => {
  test('turn away with a code for the stranger, and with caller, call and rule for the operator', async () => {
    const { ask, bottom, counts, lines, clock } = underTest({ deny: [{ paths: ['/admin*'] }], allow: [{ from: ['cart'] }] })
    expect((await ask(cart)).verdict).toBe(OK)
    const refused = await ask(cart, { path: '/admin/keys', method: 'DELETE' })
    expect([refused.verdict, refused.code, refused.error, refused.endpoint]).toEqual([REFUSED, 'FORBIDDEN', null, null])
    await ask('spiffe://shop/svc/crawler')
    await ask('spiffe://elsewhere/x')
    expect((await ask(cart, { path: '/a//b' })).code).toBe('AMBIGUOUS_PATH')
    expect(bottom.attempts).toHaveLength(1)
    expect(lines).toEqual([
      'payment: turned away cart for "DELETE" "/admin/keys": access.deny[0] speaks of it',
      'payment: turned away crawler for "GET" "/": no rule of access.allow speaks of it',
      'payment: turned away cart for "GET" "/a//b": its path has two slashes in a row',
    ])
    await clock.advance(1000)
    await ask('spiffe://elsewhere/x')
    expect(lines.at(-1)).toBe(
      'payment: turned away spiffe://elsewhere/x for "GET" "/": no rule of access.allow speaks of it (and 1 more since the last line)',
    )
    expect([...counts.refused.not_allowed.all()].map(({ caller, calls }) => [caller, calls])).toEqual([
      ['crawler', 1],
      ['spiffe://elsewhere/x', 2],
    ])
    expect([...counts.refused.denied.all()]).toMatchObject([{ caller: 'cart' }])
    expect([...counts.refused.ambiguous_path.all()]).toMatchObject([{ caller: 'cart' }])
  })

  test('that are only tried are counted, and let in', async () => {
    const { ask, bottom, counts, lines } = underTest({ dryRun: true, deny: [{ paths: ['/a'] }], default: 'deny' })
    for (const path of ['/a', '/b', '/c;d']) expect((await ask(cart, { path })).verdict).toBe(OK)
    expect(bottom.attempts).toHaveLength(3)
    expect(Object.values(counts.wouldRefuse).map((kept) => [...kept.all()].length)).toEqual([0, 1, 1, 1])
    expect(Object.values(counts.refused).flatMap((kept) => [...kept.all()])).toEqual([])
    expect(lines).toEqual([])
  })

  test('say nothing that could break a log: neither lines nor endless ones', async () => {
    const { ask, lines } = underTest({ default: 'deny' })
    await ask(cart, { path: `/${'a'.repeat(5000)}`, method: 'GET\nforged: line' })
    expect(lines[0]).toContain('for "GET\\nforged: line" "/aaa')
    expect(lines[0]?.length).toBeLessThan(400)
    expect(lines[0]).not.toContain('\n')
  })

  test('call on the layer below without a promise of their own', async () => {
    const { layer, bottom, ask } = underTest({ allow: [{ from: ['cart'] }] })
    expect(layer).not.toBeNull()
    expect(await ask(cart)).toBe(bottom.outcomes[0])
  })
})
