/** A server of grpc-js on a port of its own that can be killed and come back there, and knows its calls and connections. */
import { type AddressInfo, createServer, type Server as Listener, type Socket } from 'node:net'
import { type ConnectionInjector, type Server, ServerCredentials } from '@grpc/grpc-js'
import type { InstanceServer, Serve } from '../wire.ts'
import { type ServedCall, servingShop } from './grpc-behave.ts'

/** An instance that is no member of the mesh. */
export class GrpcInstance implements InstanceServer {
  port = 0
  readonly #server: Server
  readonly #injector: ConnectionInjector
  /** By the caller's address, as calls name it. */
  readonly #sockets = new Map<string, Socket>()
  readonly #busy = new Set<ServedCall>()
  #listener: Listener | null = null

  constructor(serve: Serve) {
    this.#server = servingShop(serve, {
      began: (call) => {
        this.#busy.add(call)
        call.once('cancelled', () => this.#busy.delete(call))
      },
      cut: (call) => this.#sockets.get(call.getPeer())?.destroy(),
    })
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure())
  }

  get connections(): number {
    return this.#sockets.size
  }

  get busy(): number {
    return this.#busy.size
  }

  start(): Promise<void> {
    if (this.#listener !== null) return Promise.resolve()
    const listener = createServer((socket) => this.#accept(socket))
    this.#listener = listener
    return new Promise((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(this.port, '127.0.0.1', () => {
        this.port = (listener.address() as AddressInfo).port
        resolve()
      })
    })
  }

  async kill(): Promise<void> {
    const listener = this.#listener
    this.#listener = null
    if (listener === null) return
    const closed = new Promise((resolve) => listener.close(resolve))
    for (const socket of this.#sockets.values()) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    const caller = `${socket.remoteAddress}:${socket.remotePort}`
    this.#sockets.set(caller, socket)
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(caller))
    this.#injector.injectConnection(socket)
  }
}
