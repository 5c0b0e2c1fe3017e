import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Identity } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import type { TrustSection } from '../policy/exchange.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { reply } from './control-under-test.ts'
import { scene } from './scene-under-test.ts'

const authority = testAuthority()
const token = `zh_${'a'.repeat(12)}_${'b'.repeat(43)}`
const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean()
})

function section(hash: string, roots = [authority.root.pem]): TrustSection {
  return { hash, trustDomain: 'test.zerohop', roots, renewBefore: 0 }
}

test('the roots of a document are in force before its policies and endpoints, and are told once', async () => {
  const { control, api, clock, sets, addresses, call } = scene(fakeClock())
  const heard: unknown[] = []
  control.office.trust.subscribe(({ hash }) => heard.push([hash, sets.length, addresses('inventory')]))
  api.putTrust(section('one'))
  api.putPolicy('inventory', { timeout: '1s' })
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  api.putPolicy('inventory', { timeout: '2s' })
  await clock.advance('1s')
  expect(heard).toEqual([['one', 0, undefined]])
  api.putTrust(section('two', [authority.root.pem, testAuthority().root.pem]))
  await clock.advance('1s')
  expect(control.office.trust.current?.roots).toHaveLength(2)
  expect(api.polls.at(-1)?.after).toBe(api.version)
  await control.close()
})

test('roots that are none make the document garbage, one without any takes none away', async () => {
  const { control, api, clock } = scene(fakeClock())
  api.putTrust(section('one'))
  void control.ready()
  await clock.advance(0)
  for (const [roots, problem] of [
    [['hello'], /trust\.roots\[0\]: it is no certificate/],
    [[authority.issue('cart').pem], /trust\.roots\[0\]/],
    [[], /trust\.roots/],
  ] as const) {
    const bad = { schema: 4, sections: { trust: 'x' }, policies: {}, endpoints: {}, trust: { ...section('x'), roots } }
    api.next.push(() => reply(200, { ...bad, version: api.version, revision: api.revision }))
    const failures = control.counts.refusals.get('garbage') ?? 0
    api.putPolicy('defaults', { timeout: `${failures + 1}s` })
    await clock.advance(100)
    expect(control.explain().problems.join()).toMatch(problem)
    expect(control.counts.refusals.get('garbage')).toBe(failures + 1)
    await clock.advance('2s')
  }
  api.lose('second')
  api.putPolicy('defaults', { timeout: '9s' })
  await clock.advance('2s')
  expect(control.office.trust.current?.hash).toBe('one')
  await control.close()
})

test('a document that names roots which it does not hold is asked for from the start', async () => {
  const { control, api, clock } = scene(fakeClock())
  void control.ready()
  await clock.advance(0)
  const sections = { trust: 'one' }
  api.next.push(() => reply(200, { version: 'first.2', schema: 4, revision: 1, sections, policies: {}, endpoints: {} }))
  api.putPolicy('defaults', { timeout: '1s' })
  await clock.advance('1s')
  expect(api.polls.some(({ after }, at) => after === null && at > 0)).toBe(true)
  await control.close()
})

test('the roots are kept with the last good document, and count for a certificate only once they are told anew', async () => {
  const made = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
  cleanups.push(() => rmSync(made, { recursive: true }))
  const lastGood = join(made, 'kept')
  const first = scene(fakeClock(), { lastGood })
  first.api.putTrust(section('one'))
  await first.call('inventory')
  await first.control.close()
  const second = scene(fakeClock(), { lastGood })
  expect(second.control.explain().source).toBe('last-good')
  expect(second.control.office.trust.current).toBe(undefined)
  second.api.outage = new Error('down')
  void second.control.ready()
  await second.clock.advance('1s')
  await second.control.close()
  // Nothing was told to the second one: what it leaves holds the roots still.
  const third = scene(fakeClock(), { lastGood })
  third.api.putTrust(section('one'))
  void third.control.ready()
  await third.clock.advance(0)
  expect(third.control.office.trust.current?.hash).toBe('one')
  await third.control.close()
})

test('a process that was left the roots goes by them, and not once more by the fingerprint in its token', async () => {
  const made = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
  cleanups.push(() => rmSync(made, { recursive: true }))
  const asked: string[] = []
  const begun = (of: string) => {
    const key = authority.root.publicKey.export({ type: 'spki', format: 'der' })
    const pinned = `${token}_${createHash('sha256').update(key).digest('base64url')}`
    const one = scene(fakeClock(), { lastGood: join(made, 'kept'), control: 'https://control:7443', token: pinned })
    const exchange = one.api.exchange.bind(one.api)
    one.api.putTrust(section('one', [testAuthority().root.pem]))
    one.api.exchange = (request) => {
      const { pathname } = new URL(request.url)
      asked.push(`${of}: ${pathname}`)
      const isRoots = pathname === '/v1/identity/roots'
      return isRoots
        ? Promise.resolve(reply(200, { trustDomain: 'test.zerohop', roots: [authority.root.pem], links: [] }))
        : exchange(request)
    }
    return one
  }
  for (const name of ['first', 'second']) {
    const { control, call } = begun(name)
    await call('inventory')
    await control.close()
  }
  expect(asked.filter((line) => line.endsWith('roots'))).toEqual(['first: /v1/identity/roots'])
  expect(asked.at(-1)).toBe('second: /v1/documents/cart')
})

test('polls and leases wait for the first try to get a certificate, and say the token only without one', async () => {
  const { control, api, clock } = scene(fakeClock(), { control: 'https://control:7443', token })
  const certificates = new WatchSource<Identity>()
  const tried = Promise.withResolvers<void>()
  control.authenticateBy({ subscribe: (listener) => certificates.subscribe(listener), tried: () => tried.promise })
  void control.ready()
  const lease = control.register({ address: '10.0.0.1:80', labels: {}, zone: '', weight: 1 })
  await clock.advance('1s')
  expect([api.polls.length, api.leases.length]).toEqual([0, 0])
  certificates.set(authority.identityOf('cart'))
  tried.resolve()
  await clock.advance(0)
  expect(new Set(api.polls.map(({ authorization }) => authorization))).toEqual(new Set([undefined]))
  expect(api.leases).toHaveLength(1)
  expect(control.isReady).toBe(true)
  await lease.release()
  await control.close()
  expect(clock.pending).toBe(0)
})

test('certificates are asked for by POST, and what comes back must be an answer', async () => {
  const { control, api } = scene(fakeClock(), { control: 'https://control:7443', token })
  const asked: unknown[] = []
  const answers = [
    reply(404, { error: { code: 'no_identity', message: 'This control API issues no identities: it runs without TLS.' } }),
    reply(404, '404 page not found'),
    reply(200, { trustDomain: 'test.zerohop', roots: [authority.root.pem] }),
    reply(200, { certificates: 5 }),
  ]
  api.exchange = ({ method, url, body, headers }) => {
    asked.push([method, new URL(url).pathname, body, headers.authorization])
    return Promise.resolve(answers.shift() ?? reply(500, ''))
  }
  const patience = { limitMs: 1000, signal: new AbortController().signal }
  expect(await control.office.trustDomain(patience)).toBe(null)
  await expect(control.office.trustDomain(patience)).rejects.toThrow(/the answer is 404/)
  expect(await control.office.trustDomain(patience)).toBe('test.zerohop')
  await expect(control.office.sign('CSR', patience)).rejects.toThrow(/^certificates: expected a text/)
  await expect(control.office.trustDomain(patience)).rejects.toThrow(/the answer is 500/)
  expect(asked[3]).toEqual(['POST', '/v1/identity/certificates', '{"service":"cart","csr":"CSR"}', `Bearer ${token}`])
  await control.close()
})

test.each(['revoked_token', 'unknown_line'])(
  'where the line of its certificates has ended (%s) a process asks by its token once more, for a certificate and for nothing else',
  async (code) => {
    const { control, api } = scene(fakeClock(), { control: 'https://control:7443', token })
    const certificates = new WatchSource<Identity>()
    control.authenticateBy({ subscribe: (listener) => certificates.subscribe(listener), tried: () => Promise.resolve() })
    certificates.set(authority.identityOf('cart'))
    const asked: unknown[] = []
    const revoked = (whose: string) => reply(401, { error: { code: 'revoked_token', message: `The token was revoked (${whose}).` } })
    const ended = reply(401, { error: { code, message: 'The line has ended.' } })
    const answers = [ended, revoked('that was sent'), ended, reply(200, { certificates: 5 })]
    api.exchange = ({ url, headers }) => {
      asked.push([new URL(url).pathname, headers.authorization ?? 'certificate'])
      return Promise.resolve(answers.shift() ?? reply(500, ''))
    }
    const patience = { limitMs: 1000, signal: new AbortController().signal }
    await expect(control.office.sign('CSR', patience)).rejects.toThrow(
      /the answer is 401: revoked_token: The token was revoked \(that was sent\)/,
    )
    // The token is another one by now: what comes of it counts.
    await expect(control.office.sign('CSR', patience)).rejects.toThrow(/^certificates: expected a text/)
    await expect(control.office.trustDomain(patience)).rejects.toThrow(/the answer is 500/)
    const [signing, bearer] = ['/v1/identity/certificates', `Bearer ${token}`]
    expect(asked).toEqual([
      [signing, 'certificate'],
      [signing, bearer],
      [signing, 'certificate'],
      [signing, bearer],
      ['/v1/identity/roots', 'certificate'],
    ])
    await control.close()
  },
)
