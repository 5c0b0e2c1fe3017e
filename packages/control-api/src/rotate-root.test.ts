import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { rotateRoot } from './rotate-root.ts'
import { memoryStores } from './store/memory-stores.ts'
import { TlsControl } from './testing/tls-control.ts'

let directory = ''
const closing: (() => unknown)[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-rotate-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  rmSync(directory, { recursive: true })
})

async function start(): Promise<TlsControl> {
  const running = await TlsControl.start({ leafLife: '10s', lease: '1s' })
  closing.push(() => running.close())
  return running
}

function rootsIn(text: string): string {
  const path = join(directory, 'ca.pem')
  writeFileSync(path, text)
  return path
}

async function rotated(running: TlsControl, rest: { ca?: string; token?: string; port?: number } = {}): Promise<string[]> {
  const said: string[] = []
  const { ca = rootsIn(running.roots.join('')), token = running.admin, port = running.port } = rest
  await rotateRoot({ control: new URL(`https://127.0.0.1:${port}`), ca, token }, { clock: systemClock, say: (line) => said.push(line) })
  return said
}

test('it begins a rotation and follows it to its end, though the control API shows a certificate of the new root halfway', async () => {
  const running = await start()
  const before = running.control.roots?.fingerprint
  const said = await rotated(running)
  expect(running.control.roots?.fingerprint).not.toBe(before)
  expect(running.roots).toHaveLength(1)
  expect(said[0]).toBe(`A rotation has begun, from the root ${before} to ${running.control.roots?.fingerprint}.`)
  expect(said).toContain('The new root signs; all certificates are being renewed.')
  expect(said.at(-1)).toBe('The old root is believed no more: the rotation is done.')
}, 30_000)

test('one that is under way is followed', async () => {
  const running = await start()
  await running.ask('POST', '/v1/identity/rotations', { token: running.admin })
  const [first] = await rotated(running)
  expect(first).toBe('A rotation is under way already: it is followed to its end.')
}, 30_000)

test('it says why it cannot: the token, the roots, no answer, no identity', async () => {
  const running = await start()
  await expect(rotated(running, { token: await running.token('cart') })).rejects.toThrow(/needs an admin token\. \(403 admin_only\)/)
  const other = await start()
  await expect(rotated(running, { ca: rootsIn(other.roots.join('')) })).rejects.toThrow(/certificate/)
  await expect(rotated(running, { ca: join(directory, 'nowhere.pem') })).rejects.toThrow(/^--ca: .*nowhere\.pem cannot be read: ENOENT/)
  await expect(rotated(running, { ca: rootsIn('none') })).rejects.toThrow(/^--ca: .*ca\.pem holds no certificate in PEM/)
  await expect(rotated(running, { port: 9 })).rejects.toThrow(/^https:\/\/127\.0\.0\.1:9 cannot be asked: connect ECONNREFUSED/)
  const plain = createServer((_, response) => response.writeHead(404).end('{"error":{"code":"no_identity","message":"No."}}')).listen(0)
  closing.push(() => plain.close())
  const control = new URL(`http://127.0.0.1:${(plain.address() as AddressInfo).port}`)
  await expect(rotateRoot({ control, ca: null, token: 'zh_x' }, { clock: systemClock, say: () => {} })).rejects.toThrow(
    'No. (404 no_identity)',
  )
})

test('a service of the mesh that listens in the place of the control API is not told the token', async () => {
  const running = await start()
  const cart = await running.join('cart')
  let asked = 0
  const impostor = createTlsServer({ cert: cart.certificates, key: cart.key }, () => {
    asked += 1
  }).listen(0)
  closing.push(() => impostor.close())
  const { port } = impostor.address() as AddressInfo
  await expect(rotated(running, { port })).rejects.toThrow("127.0.0.1 shows a certificate that is not the control API's")
  expect(asked).toBe(0)
})

test.each([
  ['that somebody else has signed, whose roots are believed too,', 'spiffe://shop.internal/control'],
  ['of another trust domain', 'spiffe://bank.internal/control'],
])('a control API %s is not told the token by its SPIFFE ID alone', async (_, id) => {
  const running = await start()
  const company = testAuthority('company')
  const { pem, keyPem } = company.issue('control', { uris: [id] })
  let asked = 0
  const impostor = createTlsServer({ cert: pem, key: keyPem }, () => {
    asked += 1
  }).listen(0)
  closing.push(() => impostor.close())
  const { port } = impostor.address() as AddressInfo
  const ca = rootsIn(running.roots.join('') + company.root.pem)
  await expect(rotated(running, { port, ca })).rejects.toThrow(/127\.0\.0\.1/)
  expect(asked).toBe(0)
})

test('a rotation goes on where it was after a restart on the same stores', async () => {
  const clock = systemClock
  const stores = { ...memoryStores(clock), close: () => {} }
  const first = await TlsControl.start({ leafLife: '10s', lease: '1s' }, stores)
  await first.ask('POST', '/v1/identity/rotations', { token: first.admin })
  await first.close()
  const second = await TlsControl.start({ leafLife: '10s', lease: '1s' }, stores)
  closing.push(() => second.close())
  expect(second.roots).toHaveLength(2)
  const said = await rotated(second, { token: first.admin })
  expect(said.at(-1)).toBe('The old root is believed no more: the rotation is done.')
}, 30_000)
