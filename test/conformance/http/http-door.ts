/** Lets requests of HTTP come into the calling mesh. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type ClientRequest, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Mesh } from '@zerohop/mesh-core'
import { type MeshServer, serveHttp } from '@zerohop/mesh-http'
import type { Brought, InboundDoor, OpenRequest } from '../wire.ts'

/** A server of the calling mesh, whose handler waits to be told what to do. */
export class HttpDoor implements InboundDoor {
  readonly #mesh: Mesh
  #server: Promise<MeshServer> | null = null
  readonly #entered = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
  #opened = 0

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  /** Sends a request and resolves when the handler has it. */
  async open({ leftMs, trace, baggage }: Brought): Promise<OpenRequest> {
    this.#server ??= serveHttp(this.#mesh, (request, response) => this.#enter(request, response), {
      port: 0,
      host: '127.0.0.1',
      signals: false,
    })
    const { port } = await this.#server
    const path = `/${this.#opened++}`
    const headers: Record<string, string> = {}
    if (leftMs > 0) headers['zerohop-timeout'] = String(leftMs)
    if (trace !== '') headers.traceparent = trace
    if (baggage !== '') headers.baggage = baggage
    const { promise, resolve } = Promise.withResolvers<OpenRequest>()
    const client = get({ host: '127.0.0.1', port, path, headers, agent: false })
    // Whoever hangs up is told so by its own socket.
    client.on('error', () => {})
    this.#entered.set(path, (request, response) => resolve(openRequest(client, request, response)))
    return promise
  }

  // It ends with its mesh.
  close(): void {}

  #enter(request: IncomingMessage, response: ServerResponse): void {
    this.#entered.get(request.url as string)?.(request, response)
  }
}

function openRequest(client: ClientRequest, request: IncomingMessage, response: ServerResponse): OpenRequest {
  const within = AsyncLocalStorage.snapshot()
  const gone = new Promise<void>((resolve) => request.socket.once('close', () => resolve()))
  return {
    under: (work) => within(work),
    answer: async (passed) => {
      if (response.headersSent || response.destroyed) return
      const heard = new Promise<IncomingMessage>((resolve, reject) => client.once('response', resolve).once('error', reject))
      const finished = new Promise((resolve) => response.once('finish', resolve))
      const status = Number(passed?.status ?? 200)
      // As a proxy does: everything that it got.
      if (passed !== null) response.setHeaders(passed.headers)
      response.writeHead(status).end(passed?.body)
      const answer = (await heard).resume()
      await finished
      const refused = answer.headers['zerohop-refused']
      if (answer.statusCode !== status) throw new Error(`the caller heard ${answer.statusCode}, not ${status}`)
      if (refused !== undefined) throw new Error(`zerohop-refused went through to the caller: ${refused}`)
    },
    leave: async () => {
      client.destroy()
      await gone
    },
  }
}
