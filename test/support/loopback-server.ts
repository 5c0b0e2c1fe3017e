/** An HTTP server on a port of its own that can be killed and come back there, and knows its connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** Serves on loopback. */
export class LoopbackServer {
  port = 0
  readonly #handle: (request: IncomingMessage, response: ServerResponse) => void
  readonly #sockets = new Set<Socket>()
  readonly #busy = new Set<ServerResponse>()
  #server: Server | null = null

  constructor(handle: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#handle = handle
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Requests without a whole answer, whose connection is open. */
  get busy(): number {
    return this.#busy.size
  }

  /** Listens, unless it does: at first on a free port, then on the same. */
  start(): Promise<void> {
    if (this.#server !== null) return Promise.resolve()
    const server = createServer((request, response) => {
      this.#busy.add(response)
      response.once('close', () => this.#busy.delete(response))
      this.#handle(request, response)
    })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', () => {
        this.port = (server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  /** Stops listening and cuts every connection. */
  async kill(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
