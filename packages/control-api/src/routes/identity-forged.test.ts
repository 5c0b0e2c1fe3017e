import { afterEach, expect, test } from 'vitest'
import { openAuthority } from '../authority/open-authority.ts'
import type { AuthorityStore, StoredAuthority } from '../store/authority-store.ts'
import { memoryAuthority } from '../store/memory-authority.ts'
import { memoryStores } from '../store/memory-stores.ts'
import { ecKeys, testRequest } from '../testing/test-request.ts'
import { pemOf, problemIn, type ShownCertificate, TlsControl } from '../testing/tls-control.ts'

let running: TlsControl | undefined
afterEach(() => running?.close())

/** What somebody makes for himself who has copied the keys of the authority, and the secret that opens them. */
async function forged(service: string, stolen: AuthorityStore, clock: TlsControl['clock']): Promise<ShownCertificate> {
  const store = memoryAuthority()
  store.save(stolen.load() as StoredAuthority)
  const secret = { passphrase: 'a passphrase of a test' }
  const thief = await openAuthority({ store, clock, trustDomain: 'shop.internal', secret, leafLifeMs: 3_600_000 })
  const keys = await ecKeys()
  const { certificates } = await thief.sign({ service, csr: await testRequest(service, { keys }) })
  await thief.close()
  return { certificates, key: await pemOf(keys) }
}

test('a forged certificate does not outlive the rotation of the root: not on a connection kept over it, nor on a new one', async () => {
  const stores = memoryStores({ now: () => Date.now(), setTimer: () => ({ cancel: () => {} }) })
  running = await TlsControl.start({ leafLife: '30s', lease: '1s' }, stores)
  const { clock, admin, roots } = running
  const thief = await forged('payment', stores.authority, clock)
  const payment = await running.join('payment')
  const kept = running.agent(thief)
  const own = running.agent(payment)
  const polls = async (agent = kept) => running?.ask('GET', '/v1/documents/payment?instance=p&schema=4&wait=0ms', { agent })
  const renews = async (rest: object) =>
    problemIn(await (running as TlsControl).certify('payment', { csr: await testRequest('payment'), ...rest }))
  const phase = async () => (await running?.ask('GET', '/v1/identity/rotations', { token: admin }))?.body.phase
  expect([(await polls())?.status, (await polls(own))?.status]).toEqual([200, 200])
  await running.ask('POST', '/v1/identity/rotations', { token: admin })
  expect(await renews({ agent: kept })).toEqual([401, 'unknown_line'])
  expect(await renews({ as: thief })).toEqual([401, 'unknown_line'])
  // Who polled has left, and is waited for no more; then the last leaf of the old root ends.
  clock.leap(25_000)
  await expect.poll(phase, { timeout: 5000 }).toBe('renewing')
  expect(await renews({ agent: kept })).toEqual([401, 'unknown_line'])
  clock.leap(40_000)
  await expect.poll(phase, { timeout: 5000 }).toBe('none')
  expect(running.roots).not.toEqual(roots)
  expect(await renews({ agent: kept })).toEqual([401, 'wrong_certificate'])
  expect(problemIn((await polls()) as Parameters<typeof problemIn>[0])).toEqual([401, 'wrong_certificate'])
  expect(await renews({ as: thief, ca: running.roots })).toEqual([401, 'wrong_certificate'])
  kept.destroy()
  own.destroy()
}, 30_000)
