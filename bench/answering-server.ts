/** A server that `pnpm bench wire` calls: 230 bytes of JSON by node:http or node:https as they are, or behind serveHttp. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMesh, fileIdentity } from '@zerohop/mesh-core'
import type { IdentitySource } from '@zerohop/mesh-core/transport'
import { serveHttp } from '@zerohop/mesh-http'
import { type Listening, serveBench } from './server-process.ts'
import type { ServerPems } from './wire-identity.ts'

/** What it is told: its policy where it is of the mesh, and null instead of an identity where all is plaintext. */
export interface AnsweringServerKind {
  readonly policy: object | null
  readonly identity: ServerPems | null
}

/** What it says. */
export interface AnsweringServer extends Listening {
  /** Of an answer's body. */
  readonly bytes: number
}

const body = JSON.stringify({ id: 42, name: 'a thing of some length', price: 12.5, tags: ['one', 'two', 'three'], text: 'x'.repeat(137) })
const bytes = Buffer.byteLength(body)

const answer: RequestListener = (request, response) => {
  // Read to its end, so that a POST costs its body.
  request.resume()
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes })
    response.end(body)
  })
}

// Longer than any pause of the bench: a connection that ends between two rounds would be measured as work.
const keepAliveTimeout = 60_000

async function plainPort(identity: ServerPems | null): Promise<number> {
  const secured = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' } as const
  const server =
    identity === null
      ? createServer({ keepAliveTimeout }, answer)
      : createSecureServer({ keepAliveTimeout, ...secured, ...identity }, answer)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

async function meshedPort(policy: object, pems: ServerPems | null): Promise<number> {
  const identity = pems === null ? false : identityOf(pems)
  const access = { mtls: pems === null ? 'permissive' : 'strict' }
  const mesh = createMesh({ service: 'target', policy: { service: 'target', access, ...policy }, identity })
  if (pems !== null) await mesh.ready()
  return (await serveHttp(mesh, answer, { port: 0, host: '127.0.0.1', signals: false })).port
}

function identityOf({ cert, key, ca }: ServerPems): IdentitySource {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  return fileIdentity({ certificate: file('cert.pem', cert), key: file('key.pem', key), roots: file('roots.pem', ca) })
}

await serveBench(async ({ policy, identity }: AnsweringServerKind): Promise<AnsweringServer> => {
  const listen = () => (policy === null ? plainPort(identity) : meshedPort(policy, identity))
  // Two of the plain one: a client of the mesh balances over them.
  return { ports: policy === null ? [await listen(), await listen()] : [await listen()], bytes }
})
