import type { CertificateAnswer } from '@zerohop/mesh-core/policy'
import { afterEach, beforeEach, expect, test } from 'vitest'
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
}

/** A desk; `meanwhile` is done each time that its authority has signed, before it hands the certificate over. */
async function opened(parts: Partial<AuthorityParts> = {}, meanwhile: (office: TokenOffice) => void = () => {}): Promise<Opened> {
  const { clock } = authorities
  const stores = memoryStores(clock)
  const metrics = new Metrics()
  const office = new TokenOffice({ tokens: stores.tokens, clock })
  const real = await authorities.open(parts)
  const authority: Pick<Authority, 'keyHashOf' | 'sign' | 'trust'> = {
    trust: real.trust,
    keyHashOf: (request) => real.keyHashOf(request),
    sign: async (request) => {
      const issued = await real.sign(request)
      meanwhile(office)
      return issued
    },
  }
  const writes = new Writes({ stores, clock, metrics, log: () => {} })
  const desk = new CertificateDesk({ authority, office, writes, ownNames: [], clock, metrics })
  return {
    office,
    audit: () => [...stores.audit.list({ limit: 9 })].reverse().map(({ action }) => action),
    ask: async ({ id, singleUse }, csr) => {
      const caller = { token: id, name: 'cart', service: 'cart', singleUse, serial: '' }
      const body = { service: 'cart', csr: csr ?? (await testRequest('cart')) }
      return desk.issue({ caller, remote: '10.0.0.1', params: {}, query: {}, headers: {}, body }, caller)
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
