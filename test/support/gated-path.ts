/** A TCP proxy before the control API that can be shut as if nobody listened, and that can lose an answer on its way. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands before one port of this machine. */
export class GatedPath implements AsyncDisposable {
  /** Connections that came, over all its time. */
  connections = 0
  /** Answers that were lost. */
  lost = 0
  /** Which answer is lost: of the connection and the request on it, both counted from 1. */
  loses = { connection: 0, request: 0 }
  readonly #target: () => number
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null
  #port = 0

  /** @param target asked for each connection */
  constructor(target: () => number) {
    this.#target = target
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`
  }

  /** Lets connections through, at the same port after each time that it was shut. */
  async open(): Promise<this> {
    const server = createServer({ noDelay: true }, (socket) => this.#carry(socket))
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    return this
  }

  /** Cuts what is open, and refuses what comes. */
  shut(): void {
    this.#server?.close()
    this.#server = null
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shut()
  }

  #carry(caller: Socket): void {
    const isLossy = ++this.connections === this.loses.connection
    const server = connect({ host: '127.0.0.1', port: this.#target(), noDelay: true })
    for (const [socket, other] of [
      [caller, server],
      [server, caller],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    // Each begins when the caller speaks after the server has: the hello of TLS first, then one for each request. Nothing is pipelined.
    let turns = 0
    let isCallers = false
    caller.on('data', (chunk) => {
      if (!isCallers) turns++
      isCallers = true
      server.write(chunk)
    })
    server.on('data', (chunk) => {
      isCallers = false
      if (!isLossy || turns <= this.loses.request) return void caller.write(chunk)
      this.lost++
      caller.resetAndDestroy()
    })
  }
}
