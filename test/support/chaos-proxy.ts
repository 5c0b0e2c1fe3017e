/** A TCP proxy that cuts connections after a random number of bytes, in either direction and in either manner. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What a proxy does to whom. */
export interface ChaosStart {
  /** The port of this machine that it stands before. */
  readonly target: number
  /** The share of connections that it cuts. */
  readonly ratio: number
  /** A cut falls before this byte of its direction. */
  readonly withinBytes: number
  readonly random: () => number
}

/** Stands before one server. */
export class ChaosProxy implements AsyncDisposable {
  /** Connections cut so far. */
  cuts = 0
  readonly #start: ChaosStart
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(start: ChaosStart) {
    this.#start = start
    this.#server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => this.#carry(socket))
  }

  /** Resolves once it listens. */
  static async listen(start: ChaosStart): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(start)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #carry(caller: Socket): void {
    const { target, ratio, withinBytes, random } = this.#start
    const server = connect({ host: '127.0.0.1', port: target, noDelay: true })
    this.#hold(caller, server)
    this.#hold(server, caller)
    const cutAt = random() < ratio ? Math.floor(random() * withinBytes) : Number.POSITIVE_INFINITY
    const cutsRequest = random() < 0.5
    const resets = random() < 0.5
    const cut = (): void => {
      this.cuts++
      for (const socket of [caller, server]) {
        if (resets) socket.resetAndDestroy()
        else socket.destroySoon()
      }
    }
    pass(caller, server, cutsRequest ? { cutAt, cut } : null)
    pass(server, caller, cutsRequest ? null : { cutAt, cut })
  }

  #hold(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      // The end that a dead server leaves behind reaches its caller as what it was.
      if (socket.errored && !other.destroyed) other.resetAndDestroy()
      else other.destroySoon()
    })
  }
}

function pass(from: Socket, to: Socket, fate: { cutAt: number; cut: () => void } | null): void {
  let passed = 0
  let isCut = false
  from.on('data', (chunk) => {
    if (isCut) return
    if (fate === null || passed + chunk.length <= fate.cutAt) {
      passed += chunk.length
      to.write(chunk)
      return
    }
    isCut = true
    const rest = chunk.subarray(0, fate.cutAt - passed)
    // Only once the bytes before the cut have gone out: the other side is to have them.
    if (rest.length === 0) fate.cut()
    else to.write(rest, fate.cut)
  })
}
