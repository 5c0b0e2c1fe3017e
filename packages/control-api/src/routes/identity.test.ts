import { afterEach, expect, test } from 'vitest'
import { fingerprintOf } from '../authority/fingerprint.ts'
import { codeOf, RunningControl } from '../testing/running-control.ts'
import { type Joined, problemIn, TlsControl } from '../testing/tls-control.ts'

let close: (() => Promise<void>) | undefined
afterEach(() => close?.())

async function start(): Promise<TlsControl> {
  const running = await TlsControl.start({ leafLife: '30s', lease: '1s' })
  close = () => running.close()
  return running
}

/** A process that polls with its certificate, and says what it holds. */
class Poller {
  readonly #running: TlsControl
  readonly #as: Joined
  version = ''
  roots: readonly string[] = []
  renewBefore = 0

  constructor(running: TlsControl, as: Joined) {
    this.#running = running
    this.#as = as
  }

  async poll(wait = '0ms'): Promise<void> {
    const after = this.version === '' ? '' : `&after=${this.version}`
    const path = `/v1/documents/cart?instance=cart-1&schema=4&wait=${wait}${after}`
    const { status, body, headers } = await this.#running.ask('GET', path, { as: this.#as })
    if (status !== 200 && status !== 204) throw new Error(`the poll was answered with ${status}`)
    this.version = body.version ?? headers['zerohop-version']
    this.roots = body.trust?.roots ?? this.roots
    this.renewBefore = body.trust?.renewBefore ?? this.renewBefore
  }
}

async function asAdmin(running: TlsControl, method: string, path: string) {
  return running.ask(method, path, { token: running.admin })
}

test('the root is turned over: believed by all that poll, then signing, and the old one gone with its last leaf', async () => {
  const running = await start()
  const [oldRoot = ''] = running.roots
  const cart = await running.join('cart')
  const poller = new Poller(running, cart)
  await poller.poll()
  const begun = await asAdmin(running, 'POST', '/v1/identity/rotations')
  expect([begun.status, begun.body.phase, begun.body.oldRoot]).toEqual([202, 'spreading', fingerprintOf(oldRoot)])
  const again = await asAdmin(running, 'POST', '/v1/identity/rotations')
  expect(problemIn(again)).toEqual([409, 'rotation_under_way'])
  expect(again.body.error.message).toMatch(/^A rotation is under way, spreading since 20/)
  const state = async () => (await asAdmin(running, 'GET', '/v1/identity/rotations')).body
  const kept = running.agent(cart)
  expect((await running.ask('GET', '/healthz', { agent: kept })).status).toBe(200)

  await expect.poll(async () => (await state()).waitsFor, { timeout: 5000 }).toContain('1 process (cart/cart-1)')
  await poller.poll()
  expect(poller.roots).toHaveLength(2)
  // It was sent the new root, and has not yet said that it holds it.
  running.clock.leap(2000)
  expect((await state()).phase).toBe('spreading')
  expect(running.control.roots?.fingerprint).toBe(fingerprintOf(oldRoot))
  await poller.poll()
  await expect.poll(async () => (await state()).phase, { timeout: 5000 }).toBe('renewing')
  expect((await state()).laggards).toEqual([])
  expect(running.control.roots?.fingerprint).toBe(begun.body.newRoot)
  // The server shows a certificate of the new root now, together with the link that leads to it from the old one.
  await expect.poll(async () => (await running.ask('GET', '/healthz', { ca: [oldRoot] })).status).toBe(200)
  expect((await running.ask('GET', '/v1/documents/cart?instance=cart-1&schema=4', { agent: kept })).status).toBe(200)
  kept.destroy()

  running.clock.leap(40_000)
  await expect.poll(async () => (await state()).phase, { timeout: 5000 }).toBe('none')
  expect(running.roots.map(fingerprintOf)).toEqual([begun.body.newRoot])
  const { links } = (await running.ask('GET', '/v1/identity/roots')).body
  expect(links.map(fingerprintOf)).toEqual([fingerprintOf(oldRoot), begun.body.newRoot])
  const { entries } = (await asAdmin(running, 'GET', '/v1/audit?limit=1')).body
  expect(entries[0]).toMatchObject({ action: 'identity.rotate', subject: `root ${begun.body.oldRoot} to ${begun.body.newRoot}` })
  const told = running.lines.map((line) => JSON.parse(line)).filter(({ identity }) => identity !== undefined)
  expect(told.map(({ level }) => level)).toEqual(['info', 'info'])
}, 30_000)

test('all certificates are renewed on demand: the trust says since when', async () => {
  const running = await start()
  const poller = new Poller(running, await running.join('cart'))
  await poller.poll()
  const parked = poller.poll('20s')
  const { status, body } = await asAdmin(running, 'POST', '/v1/identity/renewals')
  await parked
  expect([status, body.renewBefore]).toEqual([202, poller.renewBefore])
  expect(poller.renewBefore).toBeGreaterThan(running.clock.now() - 10_000)
  const seen = await asAdmin(running, 'GET', '/v1/identity')
  expect(seen.body).toMatchObject({
    trustDomain: 'shop.internal',
    validLeaves: 1,
    renewBefore: poller.renewBefore,
    rotation: { phase: 'none' },
  })
  expect(seen.body.roots).toMatchObject([{ fingerprint: seen.body.fingerprint }])
})

test('what is for admins is not for services', async () => {
  const running = await start()
  const cart = await running.join('cart')
  for (const [method, path] of [
    ['GET', '/v1/identity'],
    ['GET', '/v1/identity/rotations'],
    ['POST', '/v1/identity/rotations'],
    ['POST', '/v1/identity/renewals'],
  ] as const) {
    expect(problemIn(await running.ask(method, path, { as: cart })), path).toEqual([403, 'admin_only'])
    expect(problemIn(await running.ask(method, path)), path).toEqual([401, 'no_token'])
  }
})

test('without TLS there is no identity, and whoever asks is told so', async () => {
  const running = await RunningControl.start()
  close = () => running.close()
  for (const [method, path, body] of [
    ['GET', '/v1/identity/roots'],
    ['GET', '/v1/identity'],
    ['GET', '/v1/identity/rotations'],
    ['POST', '/v1/identity/rotations'],
    ['POST', '/v1/identity/renewals'],
    ['POST', '/v1/identity/certificates', { service: 'cart', csr: 'x' }],
  ] as const) {
    expect(codeOf(await running.ask(method, path, { body })), path).toEqual([404, 'no_identity'])
  }
  expect(running.control.roots).toBeNull()
  expect(running.admin).toHaveLength(59)
})
