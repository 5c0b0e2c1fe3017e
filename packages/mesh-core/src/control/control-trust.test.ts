import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type TestCertificate, testAuthority } from '../testing/test-authority.ts'
import { cleanups, clientOf, pinned, plainToken, question, serveUnder } from './control-trust-under-test.ts'

const authority = testAuthority()
const control = authority.issue('control', { uris: ['spiffe://test.zerohop/control'] })
const serve = serveUnder.bind(null, authority.root)

test('who has a token with a fingerprint sees the root before it says anything, and needs no right host name', async () => {
  const { seen, address } = await serve(control)
  const token = pinned(authority.root)
  const { client } = clientOf(address, token)
  await client.ask(question)
  await client.ask(question)
  expect(seen.map(({ line }) => line)).toEqual([
    '/v1/identity/roots -',
    `${question.path} Bearer ${token}`,
    `${question.path} Bearer ${token}`,
  ])
  expect(seen[1]?.port).not.toBe(seen[0]?.port)
})

test.each([
  ['tells other roots than the token names', testAuthority().root, control, /not those that the fingerprint in the token names/],
  ['tells no roots at all', 404, control, /it tells no roots \(404\)/],
  [
    'tells the right roots, and has a certificate of others',
    authority.root,
    testAuthority().issue('control', { uris: ['spiffe://test.zerohop/control'] }),
    /self-signed|unable to/,
  ],
  [
    'is a service of the mesh that is called like the host',
    authority.root,
    authority.issue('cart', { dns: ['localhost'] }),
    /is that of "spiffe:\/\/test\.zerohop\/svc\/cart", not of/,
  ],
  [
    'has two SPIFFE IDs',
    authority.root,
    authority.issue('cart', { uris: ['spiffe://test.zerohop/control', 'spiffe://test.zerohop/svc/cart'] }),
    /is that of/,
  ],
  [
    'has hidden one name in another',
    authority.root,
    authority.issue('cart', {
      uris: ['spiffe://test.zerohop/svc/cart, URI:spiffe://test.zerohop/control'],
      dns: ['localhost'],
    }),
    /is that of/,
  ],
])('whoever %s hears no token', async (_, told, certificate, problem) => {
  const { seen, address } = await serve(certificate, { told })
  const { client } = clientOf(address, pinned(authority.root))
  const failure = client.ask(question)
  await expect(failure).rejects.toMatchObject({ name: 'ControlFailure', reason: 'untrusted', status: 0 })
  await expect(failure).rejects.toThrow(problem)
  expect(seen.map(({ line }) => line)).toEqual(['/v1/identity/roots -'])
})

test('a variable that turns checks off in the whole process does not turn these off', async () => {
  const { seen, address } = await serve(testAuthority().issue('control', { uris: ['spiffe://test.zerohop/control'] }))
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  cleanups.push(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  await expect(clientOf(address, pinned(authority.root)).client.ask(question)).rejects.toMatchObject({ reason: 'untrusted' })
  expect(seen).toHaveLength(1)
})

test('roots that turn out to be out of date are asked for again', async () => {
  const next = testAuthority()
  const { address } = await serve(next.issue('control', { uris: ['spiffe://test.zerohop/control'] }), { told: next.root })
  const { client, trust } = clientOf(address, pinned(next.root))
  trust.learn({ trustDomain: 'test.zerohop', roots: [authority.root.pem] })
  await expect(client.ask(question)).rejects.toMatchObject({ reason: 'untrusted' })
  expect((await client.ask(question)).status).toBe(200)
})

test('with a file of roots the host name counts, and a service that is called like it does not pass', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
  cleanups.push(() => rmSync(directory, { recursive: true }))
  const ca = join(directory, 'ca.pem')
  await expect(clientOf('https://localhost:1', plainToken, { ca }).client.ask(question)).rejects.toThrow(
    /roots of `controlCa` cannot be read/,
  )
  writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  await expect(clientOf('https://localhost:1', plainToken, { ca }).client.ask(question)).rejects.toMatchObject({ reason: 'untrusted' })
  writeFileSync(ca, authority.root.pem)
  const ask = async (certificate: TestCertificate): Promise<number> => {
    const { address } = await serve(certificate)
    return (await clientOf(address, plainToken, { ca }).client.ask(question)).status
  }
  expect(await ask(authority.issue('control', { uris: ['spiffe://any/control'], dns: ['localhost'] }))).toBe(200)
  expect(await ask(authority.issue('proxy', { uris: [], dns: ['localhost'] }))).toBe(200)
  await expect(ask(authority.issue('control', { uris: ['spiffe://any/control'], dns: ['other'] }))).rejects.toThrow(/localhost/)
  await expect(ask(authority.issue('localhost', { dns: ['localhost'] }))).rejects.toThrow(/is not the control API/)
})

test('beside roots of others the host name counts for whoever they have signed, and for nobody of the own authority', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
  cleanups.push(() => rmSync(directory, { recursive: true }))
  const ca = join(directory, 'company.pem')
  const company = testAuthority('company')
  writeFileSync(ca, company.root.pem)
  const ask = async (certificate: TestCertificate, isTold: boolean) => {
    const { address, seen } = await serve(certificate)
    const { client, trust } = clientOf(address, pinned(authority.root), { ca })
    if (isTold) trust.learn({ trustDomain: 'test.zerohop', roots: [authority.root.pem] })
    const answer = await client.ask(question).catch((error: Error) => error.message)
    return typeof answer === 'string' ? [answer, seen.some(({ line }) => line.includes('Bearer'))] : answer.status
  }
  const uris = ['spiffe://test.zerohop/control']
  for (const isTold of [false, true]) {
    expect(await ask(company.issue('control', { uris }), isTold)).toEqual([expect.stringMatching(/localhost/), false])
    expect(await ask(company.issue('control', { uris, dns: ['localhost'] }), isTold)).toBe(200)
    expect(await ask(control, isTold)).toBe(200)
  }
})

test('without fingerprint and file the roots of the system count, and the error says what would', async () => {
  const { seen, address } = await serve(control)
  const { client, trust } = clientOf(address, plainToken)
  await expect(client.ask(question)).rejects.toThrow(/`controlCa`, or by the fingerprint/)
  expect(seen).toEqual([])
  trust.remember({ roots: [authority.root.pem] })
  await expect(client.ask(question)).rejects.toThrow(/localhost/)
})

test('with a certificate the token stays at home, a newer one takes its place at once, and an old connection goes', async () => {
  const { seen, address, connections } = await serve(control)
  const time = { now: Date.now() }
  const token = pinned(authority.root)
  const { client, trust } = clientOf(address, token, { wallNow: () => time.now })
  const [one, two] = [authority.identityOf('cart'), authority.identityOf('cart')]
  await client.ask(question)
  trust.prove(one)
  await client.ask(question)
  trust.prove(two)
  await client.ask(question)
  await client.ask(question)
  const [, first, second, third, fourth] = seen
  expect([first?.line, second?.line, third?.line]).toEqual([`${question.path} Bearer ${token}`, `${question.path} -`, `${question.path} -`])
  expect(new Set([first?.serial, second?.serial, third?.serial]).size).toBe(3)
  expect(fourth).toEqual(third)
  await expect.poll(connections).toBe(1)
  time.now = two.notAfter
  await client.ask(question)
  expect(seen.at(-1)).toMatchObject({ line: `${question.path} Bearer ${token}`, serial: '' })
})

test('where a certificate alone is not enough, as behind a proxy, the token goes along; and stays away again where it is refused', async () => {
  const answers = [401, 200, 401, 200]
  const { seen, address } = await serve(control, { status: () => answers.shift() ?? 200 })
  const { client, trust } = clientOf(address, plainToken)
  trust.prove(authority.identityOf('cart'))
  for (const status of [401, 200, 401, 200]) {
    const asked = client.ask(question)
    if (status === 200) await asked
    else await expect(asked).rejects.toMatchObject({ status })
  }
  expect(seen.map(({ line }) => line.replace(question.path, ''))).toEqual([' -', ` Bearer ${plainToken}`, ` Bearer ${plainToken}`, ' -'])
})

test('a connection that is being used when a newer certificate comes ends with its exchange, and none resumes another', async () => {
  const parked = Promise.withResolvers<number>()
  const answers = [parked.promise, 200]
  const { seen, address, connections, cut } = await serve(control, { status: () => answers.shift() ?? 200 })
  const { client, trust } = clientOf(address, pinned(authority.root))
  trust.prove(authority.identityOf('cart'))
  const long = client.ask(question)
  await expect.poll(() => seen.length).toBe(1)
  trust.prove(authority.identityOf('cart'))
  await client.ask(question)
  expect(await connections()).toBe(2)
  parked.resolve(200)
  expect((await long).status).toBe(200)
  await expect.poll(connections).toBe(1)
  cut()
  await client.ask(question)
  expect(new Set(seen.map(({ port }) => port)).size).toBe(3)
  expect(seen.map(({ isResumed }) => isResumed)).toEqual([false, false, false])
})
