import { X509Certificate } from 'node:crypto'
import type { CertificateAnswer } from '@zerohop/mesh-core/policy'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../access/caller.ts'
import { TokenOffice } from '../access/token-office.ts'
import type { Authority } from '../authority/authority.ts'
import type { AuthorityParts } from '../authority/open-authority.ts'
import { Metrics } from '../observe/metrics.ts'
import type { StoredAuthority } from '../store/authority-store.ts'
import { memoryAuthority } from '../store/memory-authority.ts'
import { memoryStores } from '../store/memory-stores.ts'
import type { StoredToken } from '../store/token-store.ts'
import { TestAuthorities, willingWorld } from '../testing/test-authorities.ts'
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
  renew(held: Pick<CertificateAnswer, 'certificates' | 'trust'>): Promise<CertificateAnswer>
  readonly real: Authority
}

/** A desk; `meanwhile` is done each time that its authority has signed, before it hands the certificate over. */
async function opened(parts: Partial<AuthorityParts> = {}, meanwhile: (office: TokenOffice) => unknown = () => {}): Promise<Opened> {
  const { clock } = authorities
  const stores = memoryStores(clock)
  const metrics = new Metrics()
  const office = new TokenOffice({ tokens: stores.tokens, leaves: stores.authority, clock })
  const real = await authorities.open(parts)
  const authority: Pick<Authority, 'keyHashOf' | 'lineOf' | 'rotation' | 'sign' | 'trust'> = {
    get trust() {
      return real.trust
    },
    get rotation() {
      return real.rotation
    },
    lineOf: (leaf) => real.lineOf(leaf),
    keyHashOf: (request) => real.keyHashOf(request),
    sign: async (request) => {
      const issued = await real.sign(request)
      await meanwhile(office)
      return issued
    },
  }
  const writes = new Writes({ stores, clock, metrics, log: () => {} })
  const desk = new CertificateDesk({ authority, office, writes, ownNames: [], leafLifeMs: 86_400_000, clock, metrics })
  const issue = async (caller: Caller, csr?: string): Promise<CertificateAnswer> => {
    const body = { service: 'cart', csr: csr ?? (await testRequest('cart')) }
    return desk.issue({ caller, remote: '10.0.0.1', params: {}, query: {}, headers: {}, body }, caller)
  }
  return {
    office,
    audit: () => [...stores.audit.list({ limit: 9 })].reverse().map(({ action }) => action),
    ask: async ({ id, singleUse }, csr) => issue({ token: id, name: 'cart', service: 'cart', singleUse, leaf: null }, csr),
    renew: ({ certificates, trust }) => {
      const { serialNumber: serial, fingerprint256: digest } = new X509Certificate(certificates)
      const leaf = { serial, digest, root: trust.roots.at(-1) as string }
      return issue({ token: '', name: 'spiffe://shop.internal/svc/cart', service: 'cart', singleUse: false, leaf })
    },
    real,
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

describe('a certificate of no known line', () => {
  const quiet = { pace: { settleMs: 0 } }

  /** One of the same root of which the store knows nothing, as whoever has the authority's key makes them. */
  async function stray({ trust }: Authority): Promise<Pick<CertificateAnswer, 'certificates' | 'trust'>> {
    const store = memoryAuthority()
    store.save(authorities.store.load() as StoredAuthority)
    const thief = await authorities.open({ store })
    return { ...(await thief.sign({ service: 'cart', csr: await testRequest('cart') })), trust }
  }

  test('is renewed while nothing is turned over', async () => {
    const { real, renew } = await opened()
    const once = await renew(await stray(real))
    await expect(renew(once)).resolves.toMatchObject({ notAfter: expect.any(Number) })
  })

  test('is renewed neither during a rotation of the root nor by one that was believed before it, and the audit says so', async () => {
    const { audit, office, real, ask, renew } = await opened(quiet)
    const [held, known] = [await stray(real), await ask(office.issue(purpose).stored)]
    const renewed = await renew(held)
    const refusal = { status: 401, code: 'unknown_line', message: expect.stringContaining('come with a token') }
    await real.rotate()
    for (const one of [held, renewed]) await expect(renew(one)).rejects.toMatchObject(refusal)
    await real.step(willingWorld)
    expect(real.rotation.phase).toBe('renewing')
    for (const one of [held, renewed]) await expect(renew(one)).rejects.toMatchObject(refusal)
    await expect(renew(known)).resolves.toMatchObject({ notAfter: expect.any(Number) })
    await authorities.pass('25h')
    await real.step(willingWorld)
    expect(real.rotation.phase).toBe('none')
    await expect(renew(held)).rejects.toMatchObject(refusal)
    expect(audit().filter((action) => action === 'identity.refuse')).toHaveLength(5)
  })

  test('gets nothing where the rotation begins while the authority signs', async () => {
    const { real, audit, renew } = await opened({}, () => real.rotate())
    await expect(renew(await stray(real))).rejects.toMatchObject({ code: 'unknown_line' })
    expect(audit()).toEqual(['identity.refuse'])
  })

  test('takes nothing, once it is refused, from what its service may ask for', async () => {
    const { office, real, ask, renew } = await opened()
    const held = await stray(real)
    const codes = new Set<string>()
    await real.rotate()
    for (let asked = 0; asked < 300; asked++) await renew(held).catch(({ code }: { code: string }) => codes.add(code))
    expect([...codes]).toEqual(['unknown_line', 'too_many_certificates'])
    await expect(ask(office.issue(purpose).stored)).resolves.toMatchObject({ notAfter: expect.any(Number) })
  })
})
