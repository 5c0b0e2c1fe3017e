import { fakeClock } from '@zerohop/mesh-core/testing'
import { afterEach, expect, test } from 'vitest'
import { testRequest } from '../testing/test-request.ts'
import { newSealSettings, SealBroken } from './key-seal.ts'
import { mostWaiting, Signer } from './signer.ts'
import type { SigningJob } from './signing-job.ts'

const trustDomain = 'shop.internal'
const settings = { secret: Buffer.from('a secret of a test'), seal: newSealSettings(1024) }
const makeRoot = { kind: 'root', trustDomain, number: 1, now: 1_800_000_000_000, before: null } as const
const allowed = { uri: 'spiffe://shop.internal/svc/cart', dns: ['cart'] }
// No desk knows it: the thread falls over it.
const poison = { kind: 'nonsense' } as unknown as SigningJob<'judge'>

const signers: Signer[] = []
afterEach(async () => {
  for (const signer of signers.splice(0)) await signer.close()
})

function open(clock = fakeClock(), seal = settings): Signer {
  const signer = new Signer(seal, clock)
  signers.push(signer)
  return signer
}

test('jobs are done in the order in which they came, each with its own answer', async () => {
  const signer = open()
  const order: string[] = []
  const job = (csr: string) => signer.do({ kind: 'judge', csr, allowed }).catch((error: Error) => order.push(error.message))
  await Promise.all([job('a'), signer.do(makeRoot).then(() => order.push('root')), job('x'.repeat(20_000))])
  expect(order).toEqual([
    'csr: it is not one certificate request in PEM.',
    'root',
    'csr: it has 20000 characters, at most 16384 are taken.',
  ])
})

test('a request over which the thread dies is given up after the second time, and what waits behind it is done by a new thread', async () => {
  const signer = open()
  const before = signer.do(makeRoot)
  const fatal = signer.do(poison)
  const after = signer.do(makeRoot)
  await expect(fatal).rejects.toMatchObject({ code: 'failed', message: 'The thread that signs ended 2 times over this request.' })
  expect((await before).root.certificate).toMatch(/BEGIN CERTIFICATE/)
  expect((await after).root.certificate).toMatch(/BEGIN CERTIFICATE/)
})

test('a thread that does not answer is ended, and its job is done by the next one', async () => {
  const clock = fakeClock()
  // Some hundred milliseconds: the time that it takes is over before it is.
  const signer = open(clock, { ...settings, seal: newSealSettings() })
  const root = signer.do(makeRoot)
  await clock.advance('30s')
  expect((await root).root.key).toMatch(/^[\w-]+$/)
  expect(clock.pending).toBe(0)
})

test('a key that was sealed with another secret is refused as such', async () => {
  const { root } = await open().do(makeRoot)
  const other = open(fakeClock(), { ...settings, secret: Buffer.from('another secret') })
  await expect(other.do({ kind: 'open', issuers: [root] })).rejects.toThrow(SealBroken)
  expect(await open().do({ kind: 'open', issuers: [root] })).toBeNull()
})

test('a thousand requests wait; the next is refused, and the authority’s own jobs are not', async () => {
  const signer = open()
  const csr = await testRequest('cart')
  const judge = () => signer.do({ kind: 'judge', csr: 'x', allowed }).catch((error: Error) => error.message)
  const good = signer.do({ kind: 'judge', csr, allowed })
  const others = Array.from({ length: mostWaiting }, judge)
  await expect(signer.do({ kind: 'judge', csr, allowed })).rejects.toMatchObject({ code: 'busy' })
  const root = signer.do(makeRoot)
  expect(await good).toMatch(/^[\w-]{43}$/)
  expect(new Set(await Promise.all(others)).size).toBe(1)
  expect((await root).link).toBeNull()
})

test('closed, it refuses what waits and what comes', async () => {
  const signer = open()
  const left = [signer.do(makeRoot), signer.do(makeRoot)].map((job) => job.catch((error: Error) => error))
  await signer.close()
  const codes = [...(await Promise.all(left)), await signer.do(makeRoot).catch((error: Error) => error)]
  expect(codes.map((error) => (error as { code?: string }).code)).toEqual(['closed', 'closed', 'closed'])
})
