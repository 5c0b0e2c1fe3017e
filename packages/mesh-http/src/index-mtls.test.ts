import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { currentCaller } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { describe, expect, test } from 'vitest'
import { MtlsUnderTest, until } from './mtls-under-test.ts'

const once = { retry: { attempts: 1 }, timeout: '5s' }
const strict = { ...once, access: { mtls: 'strict' } }

async function refusal(answer: Promise<Response>): Promise<{ code: string; message: string; attempts: { verdict: string }[] }> {
  const error = await answer.then(
    (response) => {
      throw new Error(`answered with ${response.status}`)
    },
    (reason) => reason as Error,
  )
  return error.cause as never
}

describe('a call to a service that takes mutual TLS', () => {
  test('goes over TLS 1.3, and either end knows who is at the other', async () => {
    await using under = new MtlsUnderTest()
    const seen: unknown[] = []
    const { server } = await under.serve((request, response) => {
      const socket = request.socket as TLSSocket
      seen.push([currentCaller(), socket.getProtocol(), socket.isSessionReused()])
      response.end('in stock')
    })
    const shop = under.call({ policy: once })
    shop.list(server.address)
    expect(await (await shop.fetch('http://inventory/1')).text()).toBe('in stock')
    expect(seen).toEqual([[{ service: 'shop', spiffeId: 'spiffe://test.zerohop/svc/shop' }, 'TLSv1.3', false]])
  })

  test('never reaches somebody else: the error names both, no byte is sent, and a POST goes elsewhere', async () => {
    await using under = new MtlsUnderTest()
    let reached = 0
    const wrong = await under.serve((_, response) => response.end(String(++reached)), { service: 'payment' })
    const right = await under.serve((_, response) => response.end('right'))
    const alone = under.call({ policy: once })
    alone.list(wrong.server.address)
    const error = await refusal(alone.fetch('http://inventory/1', { method: 'POST', body: '{}' }))
    expect(error).toMatchObject({ code: 'WRONG_PEER', service: 'inventory', endpoint: wrong.server.address, verdict: 'unreached' })
    expect(error.message).toContain('spiffe://test.zerohop/svc/inventory')
    expect(error.message).toContain('spiffe://test.zerohop/svc/payment')
    const shop = under.call({ policy: { balance: 'round-robin', timeout: '5s' } })
    shop.list(wrong.server.address, right.server.address)
    for (let n = 0; n < 12; n++) {
      expect(await (await shop.fetch('http://inventory/1', { method: 'POST', body: '{}' })).text()).toBe('right')
    }
    expect(reached).toBe(0)
    expect(shop.mesh.explain('inventory').services[0]?.endpoints[0]).toMatchObject({
      address: wrong.server.address,
      state: 'out: no connection could be made, several times in a row',
    })
  })

  test('waits for the first identity of its process, and is sent over it', async () => {
    await using under = new MtlsUnderTest()
    const { server } = await under.serve((_, response) => response.end('ok'), { policy: strict })
    const source = under.authority.identitySource('shop')
    const identity = source.current
    Object.assign(source, { current: undefined })
    const shop = under.call({ policy: strict, identity: source })
    shop.list(server.address)
    const answer = shop.fetch('http://inventory/1')
    source.turn(identity)
    expect(await (await answer).text()).toBe('ok')
  })

  test('does not wait for a first identity that could not be had', async () => {
    await using under = new MtlsUnderTest()
    const source = under.authority.identitySource('shop')
    Object.assign(source, { current: undefined, problem: 'the control API does not answer' })
    const shop = under.call({ policy: strict, identity: source })
    shop.list('127.0.0.1:9')
    expect(await refusal(shop.fetch('http://inventory/1'))).toMatchObject({
      code: 'NO_IDENTITY',
      message: expect.stringContaining('none has come yet; the control API does not answer'),
    })
  })

  test('fails without an identity, and says why: it is not sent in plaintext, and no server is blamed', async () => {
    await using under = new MtlsUnderTest()
    let reached = 0
    const { server } = await under.serve((_, response) => response.end(String(++reached)), { policy: { access: { mtls: 'permissive' } } })
    const none = under.call({ policy: { ...strict, outlier: { consecutiveFailures: 1 } }, identity: false })
    none.listPlain(server.address)
    for (let n = 0; n < 4; n++) {
      const error = await refusal(none.fetch('http://inventory/1'))
      expect(error).toMatchObject({ code: 'NO_IDENTITY', message: expect.stringContaining('it has no source of one') })
    }
    expect(none.mesh.explain('inventory').services[0]?.endpoints[0]).toMatchObject({ address: server.address, state: 'in' })
    const expired = under.call({ policy: once, identity: under.authority.identitySource('shop', { notAfter: Date.now() - 2000 }) })
    expired.list(server.address)
    expect(await refusal(expired.fetch('http://inventory/1'))).toMatchObject({
      code: 'NO_IDENTITY',
      message: expect.stringContaining('its certificate expired at'),
    })
    expect(reached).toBe(0)
  })

  test('goes in plaintext where this process has no source of an identity, and the service takes both', async () => {
    await using under = new MtlsUnderTest()
    const { server } = await under.serve((_, response) => response.end(JSON.stringify(currentCaller())))
    const shop = under.call({ policy: once, identity: false })
    shop.list(server.address)
    expect(await (await shop.fetch('http://inventory/1')).json()).toBe(null)
  })

  test('that its server turned away after the handshake is lost, and the error says what may be the reason', async () => {
    await using under = new MtlsUnderTest()
    const { server, mesh } = await under.serve((_, response) => response.end())
    const stranger = testAuthority('elsewhere.example').identityOf('shop', { roots: [under.authority.root.pem] })
    const source = under.authority.identitySource('shop')
    source.turn({ ...stranger, idOf: under.authority.identityOf('shop').idOf, bundle: under.authority.identityOf('shop').bundle })
    const shop = under.call({ policy: once, identity: source })
    shop.list(server.address)
    const error = await refusal(shop.fetch('http://inventory/1', { method: 'POST', body: '{}' }))
    expect(error.code).toBe('BROKEN')
    expect(error.message).toContain('the connection was new: the server may have refused the certificate of this process')
    expect(await mesh.metrics()).toMatch(/zerohop_\w*refused\w*\{[^}]*reason="(untrusted|wrong_trust_domain)"[^}]*\} 1/)
  })

  test('is unreached where its peer took the connection and shakes no hands', async () => {
    await using under = new MtlsUnderTest()
    const silent = createServer().listen(0, '127.0.0.1')
    silent.removeAllListeners('connection')
    const sockets: { destroy(): void }[] = []
    silent.on('connection', (socket) => sockets.push(socket))
    await until(() => silent.listening)
    const shop = under.call({ policy: { ...once, connections: { connectTimeout: '50ms' } } })
    shop.list(`127.0.0.1:${(silent.address() as AddressInfo).port}`)
    const error = await refusal(shop.fetch('http://inventory/1'))
    expect(error).toMatchObject({
      code: 'UNREACHED',
      message: expect.stringContaining('took a connection, but no TLS handshake within 50 ms'),
    })
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
})
