import { once } from 'node:events'
import tls from 'node:tls'
import { type ChannelCredentials, credentials, Metadata, status as Status } from '@grpc/grpc-js'
import { currentCaller } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { checkServer, type Identity } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { type Handlers, type Served, ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
afterEach(() => servers.close())

const authority = testAuthority()
// Node refuses to name an address, and grpc-js would.
const named = { 'grpc.ssl_target_name_override': 'cart' }

function secured(identity: Identity, service = 'cart'): ChannelCredentials {
  return credentials.createFromSecureContext(identity.context, { checkServerIdentity: checkServer(identity, service) })
}

async function serve(
  handlers: Handlers,
  access: object,
  more: object = {},
): Promise<Served & { source: ReturnType<typeof authority.identitySource> }> {
  const source = authority.identitySource('cart')
  const served = await servers.serve(handlers, { policy: { access, ...more }, mesh: { identity: source } })
  return { ...served, source }
}

const greeting: Handlers = {
  unary: (_, callback) => callback(null, currentCaller()?.service ?? 'nobody'),
  talk: (call) => call.on('data', (message: string) => call.write(message)).on('end', () => call.end()),
}

describe('a server that is permissive', () => {
  it('serves plaintext and mutual TLS on one port, and handlers know who calls', async () => {
    const { server, client } = await serve(greeting, { mtls: 'permissive' })
    expect(await client.unary('a')).toMatchObject({ code: Status.OK, messages: ['nobody'] })
    const member = servers.client(server, named, secured(authority.identityOf('frontend')))
    expect(await member.unary('a')).toMatchObject({ code: Status.OK, messages: ['frontend'] })
  })

  it('turns away in the handshake who does not pass, and counts it', async () => {
    const { server, mesh } = await serve(greeting, { mtls: 'permissive' })
    const foreign = testAuthority('else.where').identityOf('frontend', { roots: [authority.root.pem] })
    expect((await servers.client(server, named, secured(foreign)).unary('a')).code).toBe(Status.UNAVAILABLE)
    const expired = authority.identityOf('frontend', { notAfter: Date.now() - 1000 })
    expect((await servers.client(server, named, secured(expired)).unary('a')).code).toBe(Status.UNAVAILABLE)
    expect(await mesh.metrics()).toMatch(/refused.*expired/)
  })

  it('speaks HTTP/2 by its name, and cuts whoever asks for another protocol over TLS', async () => {
    const { server } = await serve(greeting, { mtls: 'permissive' })
    const { context } = authority.identityOf('frontend')
    const socket = tls.connect({
      port: server.port,
      host: '127.0.0.1',
      secureContext: context,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    })
    await once(socket, 'secureConnect')
    expect(socket.alpnProtocol).toBe('h2')
    socket.destroy()
    const other = tls.connect({
      port: server.port,
      host: '127.0.0.1',
      secureContext: context,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    })
    await once(other, 'error').catch(() => {})
    await until(() => other.destroyed)
  })
})

describe('a server that is strict', () => {
  it('answers plaintext callers UNAUTHENTICATED, and their probes all the same', async () => {
    const { server, client } = await serve(greeting, { mtls: 'strict' })
    const { code, details, trailers } = await client.unary('a')
    expect([code, details]).toEqual([Status.UNAUTHENTICATED, 'cart: the service takes mutual TLS only'])
    expect(trailers.get('zerohop-refused')).toEqual([])
    expect((await client.call('/test.Words/none', 'a').ended).code).toBe(Status.UNAUTHENTICATED)
    expect((await client.call('/grpc.health.v1.Health/Check', '').ended).code).toBe(Status.OK)
    const member = servers.client(server, named, secured(authority.identityOf('frontend')))
    expect((await member.unary('a')).code).toBe(Status.OK)
  })

  it('lets in by service and method, and tells others nothing', async () => {
    const rules = {
      mtls: 'strict',
      allow: [
        { from: ['frontend'], methods: ['unary'] },
        { from: ['user'], headers: { 'x-role': { exact: 'admin' } } },
      ],
    }
    const { server } = await serve(greeting, rules)
    const frontend = servers.client(server, named, secured(authority.identityOf('frontend')))
    expect((await frontend.unary('a')).code).toBe(Status.OK)
    const talk = frontend.talk()
    expect(await talk.ended).toMatchObject({
      code: Status.PERMISSION_DENIED,
      details: 'cart: the access policy does not let this caller in',
    })
    const user = servers.client(server, named, secured(authority.identityOf('user')))
    expect((await user.unary('a')).code).toBe(Status.PERMISSION_DENIED)
    const metadata = new Metadata()
    metadata.set('x-role', 'admin')
    expect((await user.unary('a', { metadata })).code).toBe(Status.OK)
  })
})

describe('a certificate', () => {
  it('that is replaced is shown to new callers, and streams under the old one live on', async () => {
    const { server, source } = await serve(greeting, { mtls: 'strict' })
    const identity = authority.identityOf('frontend')
    const serials: string[] = []
    const check = checkServer(identity, 'cart')
    const connecting = (): ChannelCredentials =>
      credentials.createFromSecureContext(identity.context, {
        checkServerIdentity: (host, certificate) => {
          serials.push(certificate.serialNumber)
          return check(host, certificate)
        },
      })
    const old = servers.client(server, named, connecting())
    const talk = old.talk()
    const heard: string[] = []
    talk.call.on('data', (message: string) => heard.push(message))
    talk.call.write('before')
    await until(() => heard.length === 1)
    source.turn()
    const fresh = servers.client(server, named, connecting())
    expect((await fresh.unary('a')).code).toBe(Status.OK)
    talk.call.write('after')
    await until(() => heard.length === 2)
    talk.call.end()
    expect((await talk.ended).code).toBe(Status.OK)
    expect(new Set(serials).size).toBe(2)
  })

  it('that has expired ends no stream, but lets none begin', async () => {
    const { server } = await serve(greeting, { mtls: 'strict' })
    const soon = authority.identityOf('frontend', { notAfter: Math.ceil(Date.now() / 1000) * 1000 + 1000 })
    const client = servers.client(server, named, secured(soon))
    const talk = client.talk()
    const heard: string[] = []
    talk.call.on('data', (message: string) => heard.push(message))
    talk.call.write('before')
    await until(() => heard.length === 1)
    await until(() => Date.now() > soon.notAfter)
    expect((await client.unary('a')).code).toBe(Status.UNAVAILABLE)
    talk.call.write('after')
    await until(() => heard.length === 2)
    talk.call.end()
    expect((await talk.ended).code).toBe(Status.OK)
  })
})
