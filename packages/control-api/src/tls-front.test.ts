import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { problemIn, TlsControl } from './testing/tls-control.ts'
import { defaultNames } from './tls-front.ts'

let running: TlsControl
beforeEach(async () => {
  running = await TlsControl.start({ leafLife: '1h' })
})
afterEach(() => running.close())

async function connected(rest: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: running.port, ca: [...running.roots], ...rest })
  await once(socket, 'secureConnect')
  return socket
}

async function serial(): Promise<string> {
  // After a leap a certificate is of the future for the machine.
  const socket = await connected({ rejectUnauthorized: false })
  const { serialNumber = '' } = socket.getPeerX509Certificate() ?? {}
  socket.destroy()
  return serialNumber
}

test('it shows a certificate of its own authority, for the names of this machine', async () => {
  const socket = await connected({ servername: 'localhost' })
  const shown = socket.getPeerX509Certificate() as X509Certificate
  expect([socket.authorized, socket.getProtocol()]).toEqual([true, 'TLSv1.3'])
  expect(shown.subjectAltName).toContain('URI:spiffe://shop.internal/control')
  for (const name of ['DNS:localhost', 'IP Address:127.0.0.1']) expect(shown.subjectAltName).toContain(name)
  socket.destroy()
  expect(defaultNames('0.0.0.0')).not.toContain('0.0.0.0')
  expect(defaultNames('10.0.0.1')).toContain('10.0.0.1')
})

test('HTTP/1.1 is agreed on with whoever offers it, and nothing else with anybody', async () => {
  for (const [offered, agreed] of [
    [['h2', 'http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const) {
    const socket = await connected({ servername: 'localhost', ALPNProtocols: offered })
    expect(socket.alpnProtocol).toBe(agreed)
    socket.destroy()
  }
  await expect(connected({ servername: 'localhost', ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/)
})

test('older versions of TLS and plaintext are not spoken', async () => {
  const old = connect({ host: '127.0.0.1', port: running.port, ca: [...running.roots], maxVersion: 'TLSv1.2' })
  const [error] = await once(old, 'error')
  expect(error.code).toMatch(/ERR_SSL/)
  const plain = connectPlain(running.port, '127.0.0.1')
  plain.on('error', () => {})
  plain.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  let said = ''
  plain.setEncoding('latin1').on('data', (text: string) => {
    said += text
  })
  await once(plain, 'close')
  expect(said).not.toContain('HTTP/1.1')
})

test('no session is resumed: every connection proves its peer anew', async () => {
  const first = await connected()
  first.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  const [session] = await Promise.all([once(first, 'session').then(([ticket]) => ticket as Buffer), once(first, 'data')])
  first.destroy()
  const second = await connected({ session })
  expect(second.isSessionReused()).toBe(false)
  second.destroy()
})

test('its certificate is renewed before half of its life is over, and a connection that is open goes on', async () => {
  const agent = running.agent()
  const before = await serial()
  const ask = () => running.ask('GET', '/healthz', { agent })
  expect((await ask()).status).toBe(200)
  const socket = Object.values(agent.freeSockets)[0]?.[0]
  running.clock.leap(1_500_000)
  await expect.poll(serial).not.toBe(before)
  expect((await ask()).status).toBe(200)
  expect(Object.values(agent.freeSockets)[0]?.[0]).toBe(socket)
  agent.destroy()
})

test('a certificate that expires on a kept connection is refused there, and a token still passes', async () => {
  const cart = await running.join('cart')
  const token = await running.token('cart')
  const agent = running.agent(cart)
  const poll = (rest: object) => running.ask('GET', '/v1/documents/cart?instance=cart-1&schema=4', { agent, ...rest })
  expect((await poll({})).status).toBe(200)
  running.clock.leap(3_600_000)
  expect(problemIn(await poll({}))).toEqual([401, 'expired_certificate'])
  expect((await poll({ token })).status).toBe(200)
  agent.destroy()
})

test('a token that is no good is not made good by a certificate', async () => {
  const cart = await running.join('cart')
  const path = '/v1/documents/cart?instance=cart-1&schema=4'
  expect(problemIn(await running.ask('GET', path, { as: cart, token: `zh_${'a'.repeat(12)}_${'b'.repeat(43)}` }))).toEqual([
    401,
    'wrong_token',
  ])
  expect(problemIn(await running.ask('GET', '/v1/policies', { as: cart }))).toEqual([403, 'admin_only'])
  expect((await running.ask('GET', '/v1/policies', { as: cart, token: running.admin })).status).toBe(200)
})
