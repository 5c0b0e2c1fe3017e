import { X509Certificate } from 'node:crypto'
import { certificateAnswerSchema, identityRootsSchema } from '@zerohop/mesh-core/policy'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fingerprintOf } from '../authority/fingerprint.ts'
import { ecKeys, testRequest } from '../testing/test-request.ts'
import { pemOf, problemIn, TlsControl } from '../testing/tls-control.ts'

let running: TlsControl
beforeAll(async () => {
  running = await TlsControl.start()
})
afterAll(() => running.close())

async function audit(limit = 1): Promise<{ by: string; action: string; subject: string }[]> {
  return (await running.ask('GET', `/v1/audit?limit=${limit}`, { token: running.admin })).body.entries
}

test('a newcomer is told the roots without a token, and its token names one of them', async () => {
  const { status, body } = await running.ask('GET', '/v1/identity/roots')
  const { trustDomain, roots } = identityRootsSchema.parse(body)
  expect([status, trustDomain]).toEqual([200, 'shop.internal'])
  const token = await running.token('cart')
  expect(token.slice(60)).toBe(fingerprintOf(roots[0] ?? ''))
  expect(token).toHaveLength(103)
})

test('a request is answered with a certificate of that service alone, by which it is known from then on', async () => {
  const cart = await running.join('cart')
  const { certificates, notAfter, trust } = certificateAnswerSchema.parse(cart.answer)
  expect(new X509Certificate(certificates).subjectAltName).toBe('URI:spiffe://shop.internal/svc/cart, DNS:cart')
  expect(trust.roots).toEqual(running.roots)
  expect(notAfter - Date.now()).toBeGreaterThan(86_000_000)
  const { serialNumber } = new X509Certificate(certificates)
  expect(await audit()).toMatchObject([
    { action: 'identity.issue', subject: expect.stringContaining(`cart (serial ${serialNumber}, until 20`) },
  ])
  const polled = await running.ask('GET', '/v1/documents/cart?instance=cart-1&schema=4', { as: cart })
  expect(polled.body).toMatchObject({ trust, sections: { trust: trust.hash } })
  const leased = await running.ask('PUT', '/v1/instances/cart/cart-1', { as: cart, body: { address: '10.0.0.1:80' } })
  expect(leased.status).toBe(200)
  expect(problemIn(await running.ask('GET', '/v1/documents/payment?instance=a&schema=4', { as: cart }))).toEqual([403, 'wrong_service'])
  expect(problemIn(await running.ask('GET', '/v1/policies', { as: cart }))).toEqual([403, 'admin_only'])
})

test('a certificate is renewed by itself, and the authority hears which one it replaces', async () => {
  const cart = await running.join('renewing')
  const valid = async () => (await running.ask('GET', '/v1/identity', { token: running.admin })).body.validLeaves
  const before = await valid()
  const renewed = await running.certify('renewing', { csr: await testRequest('renewing'), as: cart })
  expect(renewed.status).toBe(200)
  expect(await audit()).toMatchObject([{ by: 'spiffe://shop.internal/svc/renewing', action: 'identity.issue' }])
  running.clock.leap(120_000)
  expect(await valid()).toBe(before)
  const foreign = await running.certify('payment', { csr: await testRequest('payment'), as: cart })
  expect(problemIn(foreign)).toEqual([403, 'wrong_service'])
})

test('whoever has stolen a certificate renews it until the token is taken back with which its line began, and not after', async () => {
  const token = await running.token('robbed')
  const id = token.slice(3, 15)
  const keys = await ecKeys()
  const { body } = await running.certify('robbed', { token, csr: await testRequest('robbed', { keys }) })
  const stolen = { certificates: body.certificates, key: await pemOf(keys) }
  const renewed = await running.certify('robbed', { csr: await testRequest('robbed'), as: stolen })
  expect(await audit()).toMatchObject([{ action: 'identity.issue', subject: expect.stringMatching(`, line of token ${id}\\)$`) }])
  expect((await running.ask('DELETE', `/v1/tokens/${id}`, { token: running.admin })).status).toBe(204)
  const lastAt = new Date(renewed.body.notAfter).toISOString()
  const subject = `${id} (service robbed), ends a line of certificates; the last one expires at ${lastAt}`
  expect(await audit()).toMatchObject([{ action: 'token.revoke', subject }])
  const refused = await running.certify('robbed', { csr: await testRequest('robbed'), as: stolen })
  expect(problemIn(refused)).toEqual([401, 'revoked_token'])
  expect(refused.body.error.message).toContain(`(it is ${id}, with which the line of this certificate began)`)
  expect(await audit()).toMatchObject([
    { by: 'spiffe://shop.internal/svc/robbed', action: 'identity.refuse', subject: `robbed (revoked_token, line of token ${id})` },
  ])
  // What the service itself still has is good for everything but a renewal, until it expires.
  expect((await running.ask('GET', '/v1/documents/robbed?instance=a&schema=4', { as: stolen })).status).toBe(200)
})

describe('a token for one certificate', () => {
  test('gives the same one to the same key for five minutes, and none to another key', async () => {
    const token = await running.token('cart', { singleUse: true })
    const keys = await ecKeys()
    const first = await running.certify('cart', { token, csr: await testRequest('cart', { keys }) })
    expect(first.status).toBe(200)
    const again = await running.certify('cart', { token, csr: await testRequest('cart', { keys }) })
    expect(again.body).toEqual(first.body)
    const other = await running.certify('cart', { token, csr: await testRequest('cart') })
    expect(problemIn(other)).toEqual([401, 'used_token'])
    expect(await audit()).toMatchObject([{ action: 'identity.refuse', subject: 'cart (used_token)' }])
    expect(problemIn(await running.ask('GET', '/v1/documents/cart?instance=a&schema=4', { token }))).toEqual([401, 'used_token'])
    running.clock.leap(300_000)
    const late = await running.certify('cart', { token, csr: await testRequest('cart', { keys }) })
    expect(problemIn(late)).toEqual([401, 'used_token'])
  })

  test('gives one where many keys ask at the same moment', async () => {
    const token = await running.token('cart', { singleUse: true })
    const requests = await Promise.all(Array.from({ length: 8 }, () => testRequest('cart')))
    const answers = await Promise.all(requests.map((csr) => running.certify('cart', { token, csr })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ body }) => body.error?.code === 'used_token')).toHaveLength(7)
  })

  test('is not spent by a request that is refused', async () => {
    const token = await running.token('cart', { singleUse: true })
    const refused = await running.certify('cart', { token, csr: await testRequest('payment') })
    expect(problemIn(refused)).toEqual([403, 'foreign_name'])
    expect((await running.certify('cart', { token, csr: await testRequest('cart') })).status).toBe(200)
  })

  test('is void once it was taken back or has expired', async () => {
    const revoked = await running.token('cart', { singleUse: true })
    await running.ask('DELETE', `/v1/tokens/${revoked.slice(3, 15)}`, { token: running.admin })
    const csr = await testRequest('cart')
    expect(problemIn(await running.certify('cart', { token: revoked, csr }))).toEqual([401, 'revoked_token'])
    const short = await running.token('cart', { singleUse: true, expiresIn: '1m' })
    running.clock.leap(60_000)
    expect(problemIn(await running.certify('cart', { token: short, csr }))).toEqual([401, 'expired_token'])
  })
})

describe('a request is refused, and written down without its text,', () => {
  test.each([
    ['for the name of another service', { service: 'payment' }, 403, 'wrong_service'],
    ['with a foreign name in it', { csr: () => testRequest('payment') }, 403, 'foreign_name'],
    [
      'with a signature of another key',
      { csr: async () => testRequest('cart', { signedBy: (await ecKeys()).privateKey }) },
      422,
      'bad_signature',
    ],
    ['over a key of the wrong kind', { csr: async () => testRequest('cart', { keys: await ecKeys('P-521') }) }, 422, 'weak_key'],
    ['that is none', { csr: async () => 'A request that is none, and that nobody wants to find in a log.' }, 422, 'bad_csr'],
  ])(
    '%s',
    async (_, { service = 'cart', csr = () => testRequest('cart') }: { service?: string; csr?: () => Promise<string> }, status, code) => {
      const token = await running.token('cart')
      const text = await csr()
      const answer = await running.certify(service, { token, csr: text })
      expect(problemIn(answer)).toEqual([status, code])
      expect(answer.body.error.message).toMatch(/\.$/)
      const written = await audit()
      expect(written).toMatchObject([{ by: `cart (${token.slice(3, 15)})`, action: 'identity.refuse', subject: `${service} (${code})` }])
      expect(JSON.stringify([written, answer.body, running.lines])).not.toContain(text.slice(30, 60))
    },
  )

  test('for a service that is called as the host of the control API is', async () => {
    const answer = await running.certify('localhost', { token: await running.token('localhost'), csr: await testRequest('localhost') })
    expect(problemIn(answer)).toEqual([403, 'foreign_name'])
  })

  test('for a service that is called so in other letters', async () => {
    const named = await TlsControl.start({ tlsNames: ['Control.Shop', '127.0.0.1'] })
    try {
      const token = await named.token('control.shop')
      expect(problemIn(await named.certify('control.shop', { token, csr: await testRequest('control.shop') }))).toEqual([
        403,
        'foreign_name',
      ])
    } finally {
      await named.close()
    }
  })

  test('with a megabyte, of which nothing is read', async () => {
    const answer = await running.certify('cart', { token: await running.token('cart'), csr: 'A'.repeat(1_000_000) })
    expect(problemIn(answer)).toEqual([413, 'too_large'])
    const long = await running.certify('cart', { token: await running.token('cart'), csr: 'A'.repeat(20_000) })
    expect(problemIn(long)).toEqual([422, 'bad_body'])
  })

  test('without a token or a certificate', async () => {
    expect(problemIn(await running.certify('cart', { csr: await testRequest('cart') }))).toEqual([401, 'no_token'])
  })

  test('beyond what a service may ask for, which takes nothing from another', async () => {
    const token = await running.token('wild')
    const agent = running.agent()
    const codes = new Set<string | undefined>()
    for (let asked = 0; asked < 400 && !codes.has('too_many_certificates'); asked++) {
      codes.add(problemIn(await running.certify('payment', { token, agent, csr: 'x' }))[1])
    }
    agent.destroy()
    expect([...codes]).toEqual(['wrong_service', 'too_many_certificates'])
    expect((await running.join('calm')).answer.trust.roots).toEqual(running.roots)
  })
})
