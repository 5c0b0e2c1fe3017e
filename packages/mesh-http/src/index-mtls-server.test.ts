import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { currentCaller } from '@zerohop/mesh-core'
import { secureClient } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { MtlsUnderTest, type ServingMember, until } from './mtls-under-test.ts'
import type { HttpApp } from './server/exchange.ts'

const permissive = { access: { mtls: 'permissive' } }
const strict = { access: { mtls: 'strict' } }
const sayCaller: HttpApp = (_, response) => response.end(currentCaller()?.service ?? 'a stranger')
const request = 'GET / HTTP/1.1\r\nhost: inventory\r\n\r\n'
const lastRequest = 'GET / HTTP/1.1\r\nhost: inventory\r\nconnection: close\r\n\r\n'

function plain({ server }: ServingMember): net.Socket {
  return net.connect(server.port, '127.0.0.1').on('error', () => {})
}

function secured(under: MtlsUnderTest, member: ServingMember): Duplex {
  return secureClient(plain(member), under.authority.identityOf('shop'), 'inventory').on('error', () => {})
}

async function said(socket: Duplex, bytes: string): Promise<string> {
  socket.write(bytes)
  return text(socket)
}

describe('a server', () => {
  test('that is permissive takes both on one port, pipelined requests of a first packet included', async () => {
    await using under = new MtlsUnderTest()
    const member = await under.serve(sayCaller, { policy: permissive })
    const [overTls, inPlaintext] = await Promise.all([
      said(secured(under, member), request + lastRequest),
      said(plain(member), request + request + lastRequest),
    ])
    expect(overTls.match(/shop/g)).toHaveLength(2)
    expect(inPlaintext.match(/a stranger/g)).toHaveLength(3)
  })

  test('that is strict refuses requests in plaintext with nothing but the code, and answers those for its health', async () => {
    await using under = new MtlsUnderTest()
    let handled = 0
    const member = await under.serve((_, response) => response.end(String(++handled)), { policy: strict })
    const refused = await said(plain(member), lastRequest)
    expect(refused).toMatch(/^HTTP\/1.1 403 /)
    expect(refused).not.toContain('zerohop-refused')
    expect(refused.split('\r\n\r\n')[1]).toBe('{"error":"MTLS_REQUIRED"}\n')
    expect(await said(plain(member), lastRequest.replace('/', '/readyz'))).toMatch(/^HTTP\/1.1 200 /)
    expect(await said(secured(under, member), lastRequest)).toMatch(/^HTTP\/1.1 200 /)
    expect(handled).toBe(1)
  })

  test('that refuses a caller of the mesh is not asked again, nor is anybody else', async () => {
    await using under = new MtlsUnderTest()
    const app: HttpApp = (_, response) => response.end('in')
    const deny = { access: { deny: [{ from: ['shop'] }] } }
    const members = await Promise.all([1, 2].map(() => under.serve(app, { policy: deny })))
    const shop = under.call({ policy: { retry: { attempts: 3 } } })
    shop.list(...members.map(({ server }) => server.address))
    const answer = await shop.fetch('http://inventory/1')
    expect([answer.status, await answer.json()]).toEqual([403, { error: 'FORBIDDEN' }])
    const metrics = await Promise.all(members.map(({ mesh }) => mesh.metrics()))
    expect(metrics.join('\n').match(/zerohop_access_refused_total\{[^}]*caller="shop"[^}]*\} 1/g)).toHaveLength(1)
  })

  test('hands an upgrade over with its caller, and what both sides say passes', async () => {
    await using under = new MtlsUnderTest()
    const callers: unknown[] = []
    const member = await under.serve(sayCaller, {
      policy: strict,
      server: {
        upgrade: (_, socket) => {
          callers.push(currentCaller()?.service)
          socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n')
          socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end())
        },
      },
    })
    const upgrade = 'GET / HTTP/1.1\r\nhost: inventory\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'
    const socket = secured(under, member)
    socket.write(upgrade)
    expect(String((await once(socket, 'data'))[0])).toContain('101')
    socket.write('hello')
    expect(String((await once(socket, 'data'))[0])).toBe('hello')
    socket.end()
    expect(await said(plain(member), upgrade)).toMatch(/^HTTP\/1.1 403 /)
    expect(callers).toEqual(['shop'])
  })

  test('outlives scanners: garbage, half a ClientHello, silence', async () => {
    await using under = new MtlsUnderTest()
    let hold: ((response: ServerResponse) => void) | null = null
    const member = await under.serve((request, response) => (hold === null ? sayCaller(request, response) : hold(response)), {
      policy: permissive,
    })
    const garbage = await said(plain(member), '\x00\x01garbage\r\n\r\n')
    expect(garbage).toMatch(/^HTTP\/1.1 400 /)
    const broken = plain(member)
    broken.write(Buffer.from('160301010001000101', 'hex'))
    broken.end(Buffer.alloc(300, 0xff))
    await once(broken.resume(), 'close')
    const half = plain(member)
    half.write(Buffer.from('16030102000100', 'hex'))
    const silent = plain(member)
    await once(silent, 'connect')
    expect(await said(secured(under, member), lastRequest)).toContain('shop')
    // Neither holds the server when it goes: they are cut while a request is still let end.
    const held: (() => void)[] = []
    hold = (response) => void held.push(() => response.end('whole'))
    const answer = said(secured(under, member), lastRequest)
    await until(() => held.length === 1)
    const closed = member.server.close({ graceMs: 2000 })
    await Promise.all([once(half.resume(), 'close'), once(silent.resume(), 'close')])
    held[0]?.()
    expect(await answer).toContain('whole')
    await closed
  })

  test('cuts an answer that failed so that nobody takes half of it for the whole, also over TLS', async () => {
    await using under = new MtlsUnderTest()
    const { server } = await under.serve((_, response) => {
      response.writeHead(200, { connection: 'close' }).write('half')
      throw new Error('the other half is missing')
    })
    const shop = under.call({ policy: { retry: { attempts: 1 } } })
    shop.list(server.address)
    await expect(shop.fetch('http://inventory/1').then((response) => response.text())).rejects.toThrow()
  })

  test('drains over TLS as in plaintext: what is under way ends, and the caller is told not to come back', async () => {
    await using under = new MtlsUnderTest()
    const held: (() => void)[] = []
    const member = await under.serve((_, response) => void held.push(() => response.end('whole')), { policy: strict })
    const answer = said(secured(under, member), request)
    await until(() => held.length === 1)
    const closed = member.server.close({ graceMs: 60_000 })
    while (!(await said(plain(member), lastRequest.replace('/', '/readyz'))).includes('draining'));
    held[0]?.()
    expect(await answer).toMatch(/^HTTP\/1.1 200 [\s\S]*connection: close[\s\S]*whole/i)
    await closed
  })

  test.each([
    ['permissive', true],
    ['disabled', false],
  ] as const)('in mode %s says in its listing whether it takes mutual TLS', async (mtls, takes) => {
    await using under = new MtlsUnderTest()
    const { listed } = await under.serve(sayCaller, { policy: { access: { mtls } } })
    expect(listed.map(({ labels }) => labels['zerohop-tls'])).toEqual([takes ? 'mtls' : undefined])
  })
})
