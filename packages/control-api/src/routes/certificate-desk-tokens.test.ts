import { X509Certificate } from 'node:crypto'
import type { CertificateAnswer } from '@zerohop/mesh-core/policy'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../access/caller.ts'
import { TokenOffice } from '../access/token-office.ts'
import type { Authority } from '../authority/authority.ts'
import type { AuthorityParts } from '../authority/open-authority.ts'
import { Metrics } from '../observe/metrics.ts'
import { memoryStores } from '../store/memory-stores.ts'
import type { StoredToken } from '../store/token-store.ts'
import { TestAuthorities } from '../testing/test-authorities.ts'
import { testRequest } from '../testing/test-request.ts'
import { CertificateDesk } from './certificate-desk.ts'
import { Writes } from './writes.ts'

let authorities: TestAuthorities
beforeEach(() => {
  authorities = new TestAuthorities()
})
afterEach(() => authorities.close())

interface Opened {
  readonly office: TokenOffice
  /** What the audit says was done, the oldest first. */
  audit(): string[]
  /** Asks by a token, for a new key unless a request is given. */
  ask(stored: StoredToken, csr?: string): Promise<CertificateAnswer>
  /** Asks by a certificate that was had here, for a new key. */
  renew(held: CertificateAnswer): Promise<CertificateAnswer>
}

/** A desk; `meanwhile` is done each time that its authority has signed, before it hands the certificate over. */
async function opened(parts: Partial<AuthorityParts> = {}, meanwhile: (office: TokenOffice) => void = () => {}): Promise<Opened> {
  const { clock } = authorities
  const stores = memoryStores(clock)
  const metrics = new Metrics()
  const office = new TokenOffice({ tokens: stores.tokens, leaves: stores.authority, clock })
  const real = await authorities.open(parts)
  const authority: Pick<Authority, 'keyHashOf' | 'lineOf' | 'sign' | 'trust'> = {
    trust: real.trust,
    lineOf: (serial) => real.lineOf(serial),
    keyHashOf: (request) => real.keyHashOf(request),
    sign: async (request) => {
      const issued = await real.sign(request)
      meanwhile(office)
      return issued
    },
  }
  const writes = new Writes({ stores, clock, metrics, log: () => {} })
  const desk = new CertificateDesk({ authority, office, writes, ownNames: [], clock, metrics })
  const issue = async (caller: Caller, csr?: string): Promise<CertificateAnswer> => {
    const body = { service: 'cart', csr: csr ?? (await testRequest('cart')) }
    return desk.issue({ caller, remote: '10.0.0.1', params: {}, query: {}, headers: {}, body }, caller)
  }
  return {
    office,
    audit: () => [...stores.audit.list({ limit: 9 })].reverse().map(({ action }) => action),
    ask: async ({ id, singleUse }, csr) => issue({ token: id, name: 'cart', service: 'cart', singleUse, serial: '' }, csr),
    renew: ({ certificates }) => {
      const serial = new X509Certificate(certificates).serialNumber
      return issue({ token: '', name: 'spiffe://shop.internal/svc/cart', service: 'cart', singleUse: false, serial })
    },
  }
}

const purpose = { service: 'cart', name: 'cart', by: 'admin' }

test.each([false, true])('a token that is taken back while the authority signs gets nothing (single use: %s)', async (singleUse) => {
  const { office, audit, ask } = await opened({}, (office) => {
    for (const { id } of office.all()) office.revoke(id)
  })
  const { stored } = office.issue({ ...purpose, singleUse })
  await expect(ask(stored)).rejects.toMatchObject({ status: 401, code: 'revoked_token' })
  expect(audit()).toEqual(['identity.refuse'])
})

test('the five minutes of a token for one certificate do not begin anew where that certificate ends within them', async () => {
  const { office, audit, ask } = await opened({ leafLifeMs: 60_000 })
  const { stored } = office.issue({ ...purpose, singleUse: true })
  const csr = await testRequest('cart')
  const first = await ask(stored, csr)
  await authorities.pass('4m')
  expect((await ask(stored, csr)).notAfter - first.notAfter).toBe(240_000)
  await authorities.pass('2m')
  await expect(ask(stored, csr)).rejects.toMatchObject({ status: 401, code: 'used_token' })
  expect(audit()).toEqual(['identity.issue', 'identity.issue', 'identity.refuse'])
})

test('whoever holds a token that is spent takes nothing from what its service may ask for', async () => {
  const { office, ask } = await opened()
  const { stored: spent } = office.issue({ ...purpose, singleUse: true })
  await ask(spent)
  const codes = new Set<string>()
  for (let asked = 0; asked < 400; asked++) await ask(spent, 'x').catch(({ code }: { code: string }) => codes.add(code))
  expect([...codes]).toEqual(['bad_csr', 'too_many_certificates'])
  await expect(ask(office.issue(purpose).stored)).resolves.toMatchObject({ notBefore: expect.any(Number) })
})

describe('the line of certificates that began with a token', () => {
  test('goes on after the token was used up or has expired', async () => {
    const { office, ask, renew } = await opened()
    const once = await ask(office.issue({ ...purpose, singleUse: true }).stored)
    const short = await ask(office.issue({ ...purpose, expiresInMs: 60_000 }).stored)
    await authorities.pass('1h')
    for (const held of [once, short]) await expect(renew(held)).resolves.toMatchObject({ notAfter: expect.any(Number) })
  })

  test.each([false, true])('ends with the token, however often it was renewed (single use: %s)', async (singleUse) => {
    const { office, audit, ask, renew } = await opened()
    const { stored } = office.issue({ ...purpose, singleUse })
    const first = await ask(stored)
    const third = await renew(await renew(first))
    const other = await ask(office.issue(purpose).stored)
    office.revoke(stored.id)
    // The first was replaced long ago, and whoever has kept it can still show it.
    await authorities.pass('1h')
    for (const held of [first, third]) {
      await expect(renew(held)).rejects.toMatchObject({
        status: 401,
        code: 'revoked_token',
        message: expect.stringContaining(`it is ${stored.id}, with which the line of this certificate began`),
      })
    }
    await expect(renew(other)).resolves.toMatchObject({ notAfter: expect.any(Number) })
    expect(audit().slice(4)).toEqual(['identity.refuse', 'identity.refuse', 'identity.issue'])
  })

  test('ends with an admin token that was rotated', async () => {
    const { office, ask, renew } = await opened()
    const admin = office.issue({ service: null, name: 'ci', by: 'admin' }).stored
    const held = await ask(admin)
    office.rotate(admin.id, 'ci')
    await expect(renew(held)).rejects.toMatchObject({ code: 'revoked_token' })
  })

  test('ends while the authority signs, and nobody gets to see what was signed', async () => {
    let revokes = false
    const { office, audit, ask, renew } = await opened({}, (office) => {
      for (const { id } of revokes ? office.all() : []) office.revoke(id)
    })
    const held = await ask(office.issue(purpose).stored)
    revokes = true
    await expect(renew(held)).rejects.toMatchObject({ code: 'revoked_token' })
    expect(audit()).toEqual(['identity.issue', 'identity.refuse'])
  })

  test('takes nothing, once it has ended, from what its service may ask for', async () => {
    const { office, ask, renew } = await opened()
    const { stored } = office.issue(purpose)
    const held = await ask(stored)
    office.revoke(stored.id)
    const codes = new Set<string>()
    for (let asked = 0; asked < 300; asked++) await renew(held).catch(({ code }: { code: string }) => codes.add(code))
    expect([...codes]).toEqual(['revoked_token', 'too_many_certificates'])
    await expect(ask(office.issue(purpose).stored)).resolves.toMatchObject({ notAfter: expect.any(Number) })
  })
})
