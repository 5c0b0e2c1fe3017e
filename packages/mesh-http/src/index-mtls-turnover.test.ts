import { once } from 'node:events'
import net from 'node:net'
import type { TLSSocket } from 'node:tls'
import { currentCaller } from '@zerohop/mesh-core'
import { secureClient } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { type CallingMember, MtlsUnderTest, until } from './mtls-under-test.ts'
import type { HttpApp } from './server/exchange.ts'

/** Calls without a pause until it is stopped; nothing is tried twice that has been sent. */
class Load {
  calls = 0
  readonly failures: string[] = []
  #isOver = false
  readonly #lanes: Promise<void>[]

  constructor({ fetch }: CallingMember, lanes = 8) {
    this.#lanes = Array.from({ length: lanes }, async () => {
      while (!this.#isOver) await this.#call(fetch)
    })
  }

  async #call(fetch: CallingMember['fetch']): Promise<void> {
    try {
      const response = await fetch('http://inventory/1', { method: 'POST', body: '{}', mesh: { retry: false } })
      await response.text()
      if (response.status !== 200) this.failures.push(String(response.status))
    } catch (error) {
      this.failures.push(String((error as Error).cause))
    }
    this.calls++
  }

  async some(): Promise<void> {
    const enough = this.calls + 100
    await until(() => this.calls >= enough)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#lanes)
  }
}

describe('under load', () => {
  test('certificates turn over at both ends, no call fails, and none begins on an old connection once the new ones are there', {
    timeout: 30_000,
  }, async () => {
    await using under = new MtlsUnderTest()
    const open = new Map<TLSSocket, string>()
    const old = new Set<string>()
    const late: string[] = []
    const app: HttpApp = (request, response) => {
      const socket = request.socket as TLSSocket
      const serial = `${socket.getPeerX509Certificate()?.serialNumber} ${socket.getX509Certificate()?.serialNumber}`
      if (old.has(serial)) late.push(serial)
      if (!open.has(socket)) socket.once('close', () => open.delete(socket))
      open.set(socket, serial)
      request.resume().once('end', () => response.end())
    }
    const { server, source } = await under.serve(app, { policy: { access: { mtls: 'strict' } } })
    const shop = under.call({ policy: { access: { mtls: 'strict' } } })
    shop.list(server.address)
    const load = new Load(shop)
    await load.some()
    for (let n = 0; n < 3; n++) {
      const before = [...open.keys()]
      expect(before.length).toBeGreaterThan(0)
      source.turn()
      shop.source.turn()
      await until(() => before.every((socket) => socket.destroyed))
      for (const socket of before) old.add(open.get(socket) ?? '')
      await load.some()
    }
    await load.stop()
    expect([load.failures, late]).toEqual([[], []])
  })

  test('a service goes from plaintext to strict and back, and no call fails', { timeout: 30_000 }, async () => {
    await using under = new MtlsUnderTest()
    const policy = (mtls: string): Promise<void> => under.adopt(`service: inventory\naccess: { mtls: ${mtls} }\n`)
    await policy('disabled')
    let [plain, secured] = [0, 0]
    const app: HttpApp = (request, response) => {
      if (currentCaller() === null) plain++
      else secured++
      request.resume().once('end', () => response.end())
    }
    const member = await under.serve(app)
    const shop = under.call()
    const follow = (): void => {
      const listing = member.listed.at(-1)
      if (listing?.labels['zerohop-tls'] === 'mtls') shop.list(listing.address)
      else shop.listPlain(member.server.address)
    }
    follow()
    const load = new Load(shop)
    await load.some()
    expect([plain > 0, secured]).toEqual([true, 0])
    await policy('permissive')
    await load.some()
    expect(secured).toBe(0)
    follow()
    await until(() => secured > 100)
    await policy('strict')
    const before = plain
    await load.some()
    expect(plain).toBe(before)
    await policy('permissive')
    await load.some()
    await policy('disabled')
    follow()
    await until(() => plain > before + 100)
    await load.stop()
    expect(load.failures).toEqual([])
  })
})

describe('a connection whose certificate is about to end', () => {
  const request = 'GET / HTTP/1.1\r\nhost: inventory\r\n\r\n'

  test('is told to close before, and takes no request after', { timeout: 30_000 }, async () => {
    await using under = new MtlsUnderTest()
    let handled = 0
    const { server } = await under.serve((_, response) => response.end(String(++handled)))
    const identity = under.authority.identityOf('shop', { notAfter: Date.now() + 2000 })
    const connect = () => secureClient(net.connect(server.port, '127.0.0.1'), identity, 'inventory').on('error', () => {})
    const idle = connect()
    const busy = connect()
    idle.write(request)
    expect(String((await once(idle, 'data'))[0])).toMatch(/^HTTP\/1.1 200 [\s\S]*connection: keep-alive/i)
    const answers: string[] = []
    busy.on('data', (bytes) => {
      answers.push(String(bytes))
      if (!String(bytes).includes('close')) busy.write(request)
    })
    busy.write(request)
    await once(busy, 'close')
    expect(Date.now()).toBeLessThan(identity.notAfter)
    expect(answers.at(-1)).toMatch(/^HTTP\/1.1 200 [\s\S]*connection: close/i)
    await until(() => Date.now() >= identity.notAfter)
    const before = handled
    idle.write(request)
    const refused = String((await once(idle, 'data'))[0])
    expect(refused).toMatch(/^HTTP\/1.1 503 [\s\S]*zerohop-refused: connection[\s\S]*CONNECTION_EXPIRED/)
    expect(refused).toMatch(/connection: close/i)
    expect(handled).toBe(before)
  })
})
