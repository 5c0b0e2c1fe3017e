import { createPublicKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Identity } from '../kernel/identity.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { IssuedIdentity } from './issued-identity.ts'
import { OfficeUnderTest } from './office-under-test.ts'

const dayMs = 86_400_000
const authority = testAuthority()
const strangers = testAuthority()

function scene(lifeMs = dayMs, random: () => number = () => 0.5) {
  const clock = fakeClock()
  const startedAt = Date.now()
  const wall = { ahead: 0 }
  const wallNow = (): number => startedAt + clock.now() + wall.ahead
  const office = new OfficeUnderTest({ root: authority.root.pem, clock, issue: (issue) => authority.issue('cart', issue), wallNow, lifeMs })
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const log = { info: write, warn: write, error: write }
  const identity = new IssuedIdentity({ service: 'cart', office, clock, random, log, wallNow, aside: (work) => work() })
  const heard: Identity[] = []
  identity.subscribe((next) => heard.push(next))
  return { clock, wall, wallNow, office, lines, identity, heard }
}

test('nothing is asked before the start; then there is a certificate for a key that stayed here', async () => {
  const { clock, office, identity, heard } = scene()
  await clock.advance('1m')
  expect(office.asked).toHaveLength(0)
  identity.start()
  await identity.settled()
  expect(heard).toHaveLength(1)
  expect(identity.current).toMatchObject({
    generation: 1,
    spiffeId: 'spiffe://test.zerohop/svc/cart',
    bundle: { trustDomain: 'test.zerohop' },
  })
  expect(new X509Certificate(identity.current?.certificates ?? '').publicKey.equals(createPublicKey(identity.current?.key as never))).toBe(
    true,
  )
  expect(identity.current?.idOf('user')).toBe('spiffe://test.zerohop/svc/user')
  expect(identity.current?.serviceOf('spiffe://other/svc/user')).toBe('')
  await identity.close()
  expect(clock.pending).toBe(0)
})

test.each([
  [0, 0.35],
  [0.999, 0.45],
])('a new certificate, with a new key, is asked for between 35 % and 45 % of life (drawn: %f)', async (drawn, share) => {
  const { clock, office, identity, heard } = scene(dayMs, () => drawn)
  identity.start()
  await clock.advance(dayMs * share - 100_000)
  expect(office.asked).toHaveLength(1)
  await clock.advance(200_000)
  expect(office.asked).toHaveLength(2)
  expect(heard.map(({ generation }) => generation)).toEqual([1, 2])
  expect(heard[0]?.key.equals(heard[1]?.key as never)).toBe(false)
  await identity.close()
})

test('an answer that was lost is asked for again with the same key, after a pause that grows', async () => {
  const { clock, office, identity, lines } = scene()
  office.next.push(
    () => new Error('ECONNRESET'),
    () => new Error('ECONNRESET'),
  )
  identity.start()
  await clock.advance(0)
  expect(identity.problem).toBe('ECONNRESET')
  await clock.advance('2s')
  expect(office.asked).toHaveLength(3)
  expect(new Set(office.asked.map(({ csr }) => csr)).size).toBe(1)
  expect((office.asked[2]?.at ?? 0) - (office.asked[1]?.at ?? 0)).toBeGreaterThan((office.asked[1]?.at ?? 0) - (office.asked[0]?.at ?? 0))
  expect(identity.problem).toBe('')
  expect(lines).toEqual([
    'cart: no certificate could be had, and is asked for again: ECONNRESET',
    'spiffe://test.zerohop/svc/cart: a certificate was issued again',
  ])
  expect(Object.fromEntries(identity.renewals)).toEqual({ failed: 2, issued: 1 })
  await identity.close()
})

const at = Date.now()
const good = { notBefore: at - 1000, notAfter: at + dayMs }

test.each([
  ['for another key', /belongs to another key/, () => authority.issue('cart').pem],
  [
    'for another service',
    /is that of spiffe:\/\/test\.zerohop\/svc\/user, not of/,
    (keys: never) => authority.issue('user', { keys, ...good }).pem,
  ],
  [
    'of another trust domain',
    /another trust domain/,
    (keys: never) => authority.issue('cart', { keys, uris: ['spiffe://other/svc/cart'] }).pem,
  ],
  ['of an authority', /CA:TRUE/, (keys: never) => authority.issue('cart', { keys, ca: true }).pem],
  ['that may sign others', /keyCertSign/, (keys: never) => authority.issue('cart', { keys, keyUsage: [0, 5] }).pem],
  [
    'with two names',
    /2 URIs/,
    (keys: never) => authority.issue('cart', { keys, uris: ['spiffe://test.zerohop/svc/cart', 'spiffe://test.zerohop/svc/user'] }).pem,
  ],
  ['that has expired', /has expired/, (keys: never) => authority.issue('cart', { keys, notBefore: at - 9000, notAfter: at - 1000 }).pem],
  [
    'that is not valid yet',
    /is not valid yet .*valid from/,
    (keys: never) => authority.issue('cart', { keys, notBefore: at + 3_600_000 }).pem,
  ],
  ['that leads to another root', /does not lead to a root/, (keys: never) => strangers.issue('cart', { keys }).pem],
  ['that is garbage', /cannot be read/, () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ['that is nothing', /there is no PEM of a certificate/, () => 'hello'],
  ['that is a heap of them', /9 others/, (keys: never) => authority.issue('cart', { keys }).pem.repeat(10)],
])('an answer with a certificate %s is not adopted, and the next one is', async (_, problem, forge) => {
  const { clock, office, identity } = scene()
  office.next.push((answer) => {
    const publicKey = new X509Certificate(answer.certificates).publicKey
    return { ...answer, certificates: forge({ publicKey, privateKey: authority.root.key } as never) }
  })
  identity.start()
  await clock.advance(0)
  expect(identity.current).toBe(undefined)
  expect(identity.problem).toMatch(/^the certificate that was issued /)
  expect(identity.problem).toMatch(problem)
  expect(identity.renewals.get('refused')).toBe(1)
  await clock.advance('1s')
  expect(identity.current?.spiffeId).toBe('spiffe://test.zerohop/svc/cart')
  await identity.close()
})

test('roots that are garbage, or of another domain, are refused with the answer, and with the push', async () => {
  const { clock, office, identity, heard, lines } = scene()
  office.next.push((answer) => ({ ...answer, trust: { ...answer.trust, roots: ['hello'] } }))
  office.next.push((answer) => ({ ...answer, trust: { ...answer.trust, trustDomain: 'other' } }))
  identity.start()
  await clock.advance('2s')
  expect([identity.renewals.get('refused'), heard.length]).toEqual([2, 1])
  office.trust.set({ ...office.section, roots: ['hello'] })
  office.trust.set({ ...office.section, trustDomain: 'other' })
  expect(heard).toHaveLength(1)
  expect(lines.slice(-2).join()).toMatch(/told hold no certificate.*told are of other, and this process is of test\.zerohop/)
  await identity.close()
})

test('other roots make a new generation of the same certificate, at once', async () => {
  const { clock, office, identity, heard } = scene()
  identity.start()
  await clock.advance(0)
  office.roots = [authority.root.pem, strangers.root.pem]
  office.push()
  expect(heard.map(({ generation, bundle }) => [generation, bundle.roots.length])).toEqual([
    [1, 1],
    [2, 2],
  ])
  expect(heard[1]?.certificates).toBe(heard[0]?.certificates)
  expect(heard[1]?.context).not.toBe(heard[0]?.context)
  office.push()
  expect(heard).toHaveLength(2)
  await clock.advance('5m')
  expect(office.asked).toHaveLength(1)
  await identity.close()
})

test('a certificate whose root is no longer believed is renewed within half a minute', async () => {
  const { clock, office, identity } = scene()
  identity.start()
  await clock.advance(0)
  office.roots = [strangers.root.pem]
  office.push()
  await clock.advance('30s')
  expect(office.asked.length).toBeGreaterThan(1)
  await identity.close()
})

test('roots that came while an answer was on its way are newer than those of the answer', async () => {
  const { clock, office, identity } = scene()
  office.next.push((answer) => {
    office.roots = [authority.root.pem, strangers.root.pem]
    office.push()
    return answer
  })
  identity.start()
  await clock.advance(0)
  expect(identity.current?.bundle.roots).toHaveLength(2)
  await identity.close()
})
