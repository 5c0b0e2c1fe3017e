/** Where a server is reached: a port of this machine, or in a test an address of the network within the process. */
import { type AddressInfo, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../kernel/log.ts'
import type { Network } from '../kernel/network.ts'

/** What a listener is made of. */
export interface ListenerOptions {
  readonly service: string
  readonly port: number
  /** Undefined for all interfaces. */
  readonly host: string | undefined
  /** null outside of tests. */
  readonly network: Network | null
  readonly log: Log
  /** True where a caller that has ended its side must still be answered, as HTTP/1 wants it. */
  readonly halfOpen: boolean
  /** Gets every connection, before anything of it has been read. */
  readonly accept: (socket: Duplex) => void
}

/** One per server. */
export class Listener {
  readonly #options: ListenerOptions
  #stop: () => Promise<void> = async () => {}
  /** `host:port`, an IPv6 host in brackets; '' before it listens. */
  address = ''
  port = 0

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  /** Resolves once it listens. @throws node's own error where the address cannot be had */
  async listen(): Promise<void> {
    const { network } = this.#options
    if (network === null) await this.#listenOnSocket()
    else this.#listenInMemory(network)
  }

  /** Takes no connection any more; resolves once the address is free. Those that were taken go on. */
  stop(): Promise<void> {
    return this.#stop()
  }

  #listenInMemory(network: Network): void {
    const { port, host = '127.0.0.1', accept } = this.#options
    this.port = port === 0 ? freePort(network, host) : port
    this.address = `${host}:${this.port}`
    const stop = network.listen(this.address, accept)
    this.#stop = async () => stop()
  }

  async #listenOnSocket(): Promise<void> {
    const { service, port, host, log, halfOpen, accept } = this.#options
    const server = createServer({ noDelay: true, allowHalfOpen: halfOpen }, accept)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve)
    await promise
    server.off('error', reject)
    // Accepting may fail for want of file handles: the next one may succeed.
    server.on('error', (error) => log.error(`${service}: the server on ${this.address} failed: ${error.message}`))
    const bound = server.address() as AddressInfo
    this.port = bound.port
    this.address = `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
    // Node's callback would wait for the connections that were taken, too; the address is free as soon as it no longer listens.
    this.#stop = async () => {
      server.close()
    }
  }
}

// 49152: the first of the ports that are free for any use, as a system would give.
function freePort(network: Network, host: string): number {
  let port = 49_152
  while (network.isWire(`${host}:${port}`)) port++
  return port
}
