import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LeafName } from '../store/authority-store.ts'
import { leadsTo, TestAuthorities, willingWorld } from '../testing/test-authorities.ts'
import { testRequest } from '../testing/test-request.ts'
import { type Authority, RotationUnderWay } from './authority.ts'
import { fingerprintOf } from './fingerprint.ts'

const dayMs = 86_400_000
let authorities: TestAuthorities
beforeEach(() => {
  authorities = new TestAuthorities()
})
afterEach(() => authorities.close())

const now = () => authorities.clock.now()
const leafOf = async (authority: Authority, replaces?: LeafName) =>
  authority.sign({ service: 'cart', csr: await testRequest('cart'), ...(replaces === undefined ? {} : { replaces }) })

test('a rotation: known everywhere, then signing, then the only one; leaves of each phase lead to the roots of that and of the next', async () => {
  const authority = await authorities.open()
  const [oldRoot = ''] = authority.trust.roots
  const before = await leafOf(authority)

  const began = await authority.rotate()
  const [, newRoot = ''] = authority.trust.roots
  expect(began).toMatchObject({ phase: 'spreading', oldRoot: fingerprintOf(oldRoot), newRoot: fingerprintOf(newRoot) })
  expect([authority.trust.roots[0], authority.trust.renewBefore, authority.fingerprint]).toEqual([oldRoot, 0, fingerprintOf(oldRoot)])
  const during = await leafOf(authority, before)
  expect(leadsTo([newRoot], during.certificates, now())).toBe(false)
  expect(leadsTo([oldRoot], during.certificates, now())).toBe(true)
  expect(await authority.step(willingWorld)).toBeNull()
  expect(authority.rotation.waitsFor).toBe('The new root is made known to all processes.')

  await authorities.pass('10s')
  expect(await authority.step(willingWorld)).toBe('The new root signs from now on, and all certificates are to be renewed.')
  expect(authority.rotation).toMatchObject({ phase: 'renewing', since: now(), laggards: [] })
  expect([authority.trust.roots, authority.fingerprint]).toEqual([[oldRoot, newRoot], fingerprintOf(newRoot)])
  expect(authority.trust.renewBefore - now()).toBeGreaterThan(0)
  expect(authority.trust.renewBefore - now()).toBeLessThanOrEqual(1000)
  const after = await leafOf(authority, during)
  for (const roots of [[oldRoot], [newRoot]]) expect(leadsTo(roots, after.certificates, now())).toBe(true)
  await authorities.pass('59s')
  expect(await authority.step(willingWorld)).toBeNull()
  expect(authority.rotation.waitsFor).toMatch(/^Certificates of the old root are in use; those that are not renewed before end by 20/)

  await authorities.pass('1s')
  expect(await authority.step(willingWorld)).toBe('The rotation of the root is done: the old root is believed no more.')
  expect(authority.rotation).toEqual({ phase: 'none', since: now(), oldRoot: '', newRoot: '', laggards: [], waitsFor: '' })
  expect(authority.trust.roots).toEqual([newRoot])
  expect([leadsTo([newRoot], during.certificates, now()), leadsTo([newRoot], after.certificates, now())]).toEqual([false, true])
  expect(leadsTo([newRoot], (await leafOf(authority)).certificates, now())).toBe(true)
  expect(authority.validLeaves).toBe(2)
})

test('whoever crashes at any step goes on from there, and no step is done twice', async () => {
  let authority = await authorities.open()
  const seen: string[] = []
  let isFull = false
  const save = authorities.store.save.bind(authorities.store)
  authorities.store.save = (state, saved) => {
    if (isFull) throw new Error('the disk is full')
    save(state, saved)
  }
  const told = () => JSON.stringify([authority.trust, authority.fingerprint, authority.rotation.phase, authority.roots()])
  const crashing = async (step: () => Promise<unknown>) => {
    const before = told()
    isFull = true
    await expect(step()).rejects.toThrow('the disk is full')
    expect(told()).toBe(before)
    isFull = false
    authority = await authorities.restart()
    expect(told()).toBe(before)
    await authorities.pass('10s')
    await step()
    seen.push(authority.rotation.phase)
    const after = told()
    authority = await authorities.restart()
    expect(told()).toBe(after)
    expect(leadsTo(authority.trust.roots, (await leafOf(authority)).certificates, now())).toBe(true)
  }
  await crashing(() => authority.rotate())
  await authorities.pass('10s')
  expect(authority.rotation.waitsFor).toBe('It was taken up again after a restart, and goes on in a moment.')
  await crashing(() => authority.step(willingWorld))
  await authorities.pass(dayMs)
  await crashing(() => authority.step(willingWorld))
  expect(seen).toEqual(['spreading', 'renewing', 'none'])
  expect(authority.trust.roots).toHaveLength(1)
  expect(authorities.store.load()?.roots.map(({ number, key, isRetired }) => [number, key === null, isRetired])).toEqual([
    [1, true, true],
    [2, false, false],
  ])
})

test('who does not say that it trusts the new root is waited for, then named and gone on without', async () => {
  const authority = await authorities.open()
  await authority.rotate()
  const asked: string[] = []
  const world = {
    laggards: (hash: string) => {
      asked.push(hash)
      return ['cart/1', 'cart/2', 'user/1', 'user/2']
    },
  }
  await authorities.pass('599s')
  expect(await authority.step(world)).toBeNull()
  expect(asked).toEqual([authority.trust.hash])
  expect(authority.rotation.waitsFor).toMatch(
    /^4 processes \(cart\/1, cart\/2, user\/1 and 1 more\) to say that the new root is trusted there/,
  )
  await authorities.pass('1s')
  expect(await authority.step(world)).toMatch(/; 4 processes \(cart\/1, .*\) did not say that it is trusted there/)
  expect(authority.rotation.laggards).toEqual(['cart/1', 'cart/2', 'user/1', 'user/2'])
  await authorities.pass('10s')
  await authority.step(willingWorld)
  expect([authority.rotation.phase, authority.rotation.laggards.length]).toEqual(['none', 4])
  await authority.rotate()
  expect(authority.rotation.laggards).toEqual([])
})

test('after a restart nobody has polled yet, and that nobody is missing means nothing', async () => {
  await (await authorities.open()).rotate()
  await authorities.pass('100s')
  const authority = await authorities.restart()
  expect(await authority.step(willingWorld)).toBeNull()
  await authorities.pass('10s')
  expect(await authority.step(willingWorld)).toMatch(/new root signs/)
})

test('one rotation at a time, and one step at a time', async () => {
  const authority = await authorities.open()
  const first = authority.rotate()
  await expect(authority.rotate()).rejects.toThrow(RotationUnderWay)
  await first
  await expect(authority.rotate()).rejects.toThrow('A rotation of the root is under way already.')
  await authorities.pass('10s')
  const steps = await Promise.all([authority.step(willingWorld), authority.step(willingWorld)])
  expect(steps).toEqual([expect.stringMatching(/new root signs/), null])
})

test('a newcomer whose token names any older root is led to the one of today', async () => {
  const authority = await authorities.open()
  const fingerprints = [authority.fingerprint]
  for (let at = 0; at < 2; at++) {
    await authority.rotate()
    for (let step = 0; step < 2; step++) {
      await authorities.pass('10s')
      await authority.step(willingWorld)
    }
    fingerprints.push(authority.fingerprint)
  }
  const { roots, links } = authority.roots()
  expect([roots.length, links.length]).toEqual([1, 4])
  for (const fingerprint of fingerprints) expect(reached(fingerprint, [...roots, ...links])).toContain(authority.fingerprint)
  expect(new Set(fingerprints).size).toBe(3)
  expect(reached('A'.repeat(43), [...roots, ...links])).toEqual([])
})

test('a renewal of all leaves is asked for by the trust, and told to those who listen', async () => {
  const authority = await authorities.open()
  const { trust } = authority
  const heard: unknown[] = []
  const leave = authority.subscribe(() => heard.push(authority.trust))
  authority.renewAll()
  expect(authority.trust).toMatchObject({ roots: trust.roots, renewBefore: Math.floor(now() / 1000) * 1000 + 1000 })
  expect(authority.trust.hash).not.toBe(trust.hash)
  leave()
  authority.renewAll()
  expect(heard).toHaveLength(1)
  expect((await authorities.restart()).trust).toEqual(authority.trust)
})

test('the intermediate is replaced in the last third of its life, and nobody else notices', async () => {
  const authority = await authorities.open({ leafLifeMs: 90 * dayMs })
  const { trust } = authority
  await authorities.pass(243 * dayMs)
  const last = await leafOf(authority)
  expect(await authority.step(willingWorld)).toBeNull()
  await authorities.pass(2 * dayMs)
  expect(await authority.step(willingWorld)).toBe('The intermediate certificate was replaced by a new one.')
  expect([authority.trust, await authority.step(willingWorld)]).toEqual([trust, null])
  for (const { certificates } of [last, await leafOf(authority)]) expect(leadsTo(trust.roots, certificates, now() + 87 * dayMs)).toBe(true)
})

test('a root in the last fifth of its life gives way to a new one by itself', async () => {
  const authority = await authorities.open()
  await authorities.pass(7.9 * 365 * dayMs)
  expect(await authority.step(willingWorld)).toMatch(/intermediate/)
  expect(await authority.step(willingWorld)).toBeNull()
  await authorities.pass(0.2 * 365 * dayMs)
  expect(await authority.step(willingWorld)).toBe('The root grows old: a rotation to a new one began.')
  expect(authority.rotation.phase).toBe('spreading')
})

/** The fingerprints of all keys that are certified, over however many steps, by the one that a token names. */
function reached(fingerprint: string, pems: readonly string[]): string[] {
  const left = pems.map((pem) => new X509Certificate(pem))
  const known = left.filter((one) => fingerprintOf(String(one)) === fingerprint)
  for (const issuer of known) {
    known.push(...left.filter((one) => !known.includes(one) && one.checkIssued(issuer) && one.verify(issuer.publicKey)))
  }
  return known.map((one) => fingerprintOf(String(one)))
}
