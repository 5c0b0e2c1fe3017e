import { describe, expect, test } from 'vitest'
import { testAuthority } from '../testing/test-authority.ts'
import { ControlTrust } from './control-trust.ts'
import { clientOf, pinned, question, serveUnder } from './control-trust-under-test.ts'

const authority = testAuthority()
const control = authority.issue('control', { uris: ['spiffe://test.zerohop/control'] })
const serve = serveUnder.bind(null, authority.root)

describe('who has got hold of the key of a root that was replaced since', () => {
  const next = testAuthority()
  const newest = { trustDomain: 'test.zerohop', roots: [next.root.pem] }
  const token = pinned(authority.root)

  /** Of a process that was told of the newest root, whoever has the key of the old one is asked twice. */
  async function askedOfThief(trust: ControlTrust): Promise<string[]> {
    const { seen, address } = await serve(control)
    const { client } = clientOf(address, token, { trust })
    for (const problem of [/self-signed|unable to/, /neither those that are believed here nor signed by them/])
      await expect(client.ask(question)).rejects.toThrow(problem)
    return seen.map(({ line }) => line)
  }

  test('hears nothing of a process that was told of the newest one, though its token names the old one', async () => {
    const { address } = await serve(control)
    const { client, trust } = clientOf(address, token)
    await client.ask(question)
    trust.learn(newest)
    expect(await askedOfThief(trust)).toEqual(['/v1/identity/roots -'])
  })

  test('hears nothing of one that a process before it has left the newest one', async () => {
    const { address } = await serve(control)
    const { client, trust } = clientOf(address, token)
    await client.ask(question)
    trust.learn(newest)
    const restarted = new ControlTrust({ ca: null, wallNow: Date.now })
    restarted.recall(trust.met)
    restarted.remember(newest)
    expect(await askedOfThief(restarted)).toEqual(['/v1/identity/roots -'])
    const genuine = await serve(next.issue('control', { uris: ['spiffe://test.zerohop/control'] }), { told: next.root })
    expect((await clientOf(genuine.address, token, { trust: restarted }).client.ask(question)).status).toBe(200)
  })
})

test('roots that were told are followed by what they have signed, over a connection that nobody believes', async () => {
  const [second, third] = [testAuthority('second'), testAuthority('third')]
  const keys = { publicKey: third.root.publicKey, privateKey: third.root.key }
  const name = { commonName: `root of ${third.trustDomain}`, uris: [], extendedKeyUsage: null }
  const link = third.issue('', { ca: true, keyUsage: [5, 6], ...name, keys, issuer: second.root })
  const { address } = await serve(control)
  const first = clientOf(address, pinned(authority.root))
  await first.client.ask(question)
  first.trust.learn({ trustDomain: 'test.zerohop', roots: [second.root.pem] })
  const moved = await serve(third.issue('control', { uris: ['spiffe://test.zerohop/control'] }), { told: third.root, links: [link] })
  const { client } = clientOf(moved.address, pinned(authority.root), { trust: first.trust })
  await expect(client.ask(question)).rejects.toMatchObject({ reason: 'untrusted' })
  expect((await client.ask(question)).status).toBe(200)
})

test('a token of another authority is believed before it is told to whoever has the roots that were left', async () => {
  const next = testAuthority()
  const { seen, address } = await serve(control)
  const restarted = new ControlTrust({ ca: null, wallNow: Date.now })
  restarted.recall(['a fingerprint'])
  restarted.remember({ roots: [authority.root.pem] })
  const { client } = clientOf(address, pinned(next.root), { trust: restarted })
  await expect(client.ask(question)).rejects.toThrow(/not those that the fingerprint in the token names/)
  expect(seen.map(({ line }) => line)).toEqual(['/v1/identity/roots -'])
  const moved = await serve(next.issue('control', { uris: ['spiffe://test.zerohop/control'] }), { told: next.root })
  expect((await clientOf(moved.address, pinned(next.root), { trust: restarted }).client.ask(question)).status).toBe(200)
})
