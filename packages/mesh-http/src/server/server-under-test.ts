/** Servers on real sockets for the tests of this room, and the callers that tests need. */
import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import type { HttpApp } from './exchange.ts'
import { type MeshServer, serveHttp } from './http-server.ts'
import type { HttpServerOptions } from './server-options.ts'

/** What a test says of a server; `policy` is the service's own, without its name. */
export type ServeOptions = Partial<HttpServerOptions> & { policy?: object }

/** A server of the service `cart`. */
export interface Served {
  mesh: Mesh
  server: MeshServer
  url: string
}

/** The servers of one test, and what they logged. */
export class ServersUnderTest {
  readonly lines: string[] = []
  readonly #meshes: Mesh[] = []

  readonly serve = async (app: HttpApp, { policy, ...options }: ServeOptions = {}): Promise<Served> => {
    const log = { info: () => {}, warn: (line: string) => this.lines.push(line), error: (line: string) => this.lines.push(line) }
    const mesh = createMesh({ service: 'cart', log, ...(policy === undefined ? {} : { policy: { service: 'cart', ...policy } }) })
    this.#meshes.push(mesh)
    const server = await serveHttp(mesh, app, { port: 0, host: '127.0.0.1', signals: false, graceMs: 1000, ...options })
    return { mesh, server, url: `http://${server.address}` }
  }

  async close(): Promise<void> {
    await Promise.all(this.#meshes.splice(0).map((mesh) => mesh.close({ graceMs: 0 })))
    this.lines.length = 0
  }
}

/** An answer, read to its end. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Asks over a connection of its own, unless an agent is given. */
export async function ask(url: string, options: RequestOptions & { body?: string } = {}): Promise<Answer> {
  const asking = request(url, { agent: false, ...options })
  asking.end(options.body)
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return { status: response.statusCode as number, headers: response.headers, body: await text(response) }
}

/** A bare connection to a server. */
export function connect(server: MeshServer): net.Socket {
  return net.connect({ port: server.port, host: '127.0.0.1' }).on('error', () => {})
}

/** Sends these bytes, and resolves with all that comes back until the connection ends. */
export function raw(server: MeshServer, bytes: string): Promise<string> {
  const socket = connect(server)
  socket.write(bytes)
  return text(socket)
}

/** Waits for a condition, turn of the event loop by turn. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
