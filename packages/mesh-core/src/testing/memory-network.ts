/** A network within the process: addresses at which handlers answer or byte streams begin, and which can be cut. */
import { type Duplex, duplexPair } from 'node:stream'
import type { Network } from '../kernel/network.ts'

/** Answers one request, in fidelity `direct`. The signal aborts when nobody waits for the answer any more. */
export type MemoryHandler = (request: unknown, signal: AbortSignal) => unknown

/** A host is up, or takes nothing new while it finishes what it has, or is dead. */
type HostState = 'up' | 'stopped' | 'killed'

class Host {
  state: HostState = 'up'
  handler: MemoryHandler | null = null
  accept: ((socket: Duplex) => void) | null = null
  /** Cuts what is under way. */
  readonly cuts = new Set<() => void>()
}

/** Addresses are any strings; by convention `host:port`. */
export class MemoryNetwork implements Network {
  readonly #hosts = new Map<string, Host>()

  /** Fidelity `direct`: `handler` answers what is delivered to `address`. @throws Error where the address is taken */
  answer(address: string, handler: MemoryHandler): () => void {
    this.#claim(address).handler = handler
    return () => this.#hosts.delete(address)
  }

  listen(address: string, accept: (socket: Duplex) => void): () => void {
    this.#claim(address).accept = accept
    // Streams that are open go on: whoever listened closes them.
    return () => this.#hosts.delete(address)
  }

  isWire(address: string): boolean {
    return this.#hosts.get(address)?.accept != null
  }

  isUp(address: string): boolean {
    return this.#hosts.get(address)?.state === 'up'
  }

  async deliver(address: string, request: unknown, signal: AbortSignal): Promise<unknown> {
    const host = this.#hosts.get(address)
    if (host?.state !== 'up' || host.handler === null) throw networkError('ECONNREFUSED', `nobody answers at ${address}`)
    const { promise: cut, reject } = Promise.withResolvers<never>()
    const kill = (): void => reject(networkError('ECONNRESET', `${address} died`))
    const abandon = (): void => reject(signal.reason)
    host.cuts.add(kill)
    signal.addEventListener('abort', abandon, { once: true })
    try {
      return await Promise.race([cut, host.handler(request, signal)])
    } finally {
      signal.removeEventListener('abort', abandon)
      host.cuts.delete(kill)
    }
  }

  connect(address: string): Duplex {
    const host = this.#hosts.get(address)
    if (host?.state !== 'up' || host.accept === null) throw networkError('ECONNREFUSED', `nobody listens at ${address}`)
    const [client, server] = duplexPair()
    const cut = (): void => {
      client.destroy(networkError('ECONNRESET', `${address} died`))
      server.destroy()
    }
    host.cuts.add(cut)
    server.once('close', () => host.cuts.delete(cut))
    tie(client, server)
    tie(server, client)
    host.accept(server)
    return client
  }

  /** Takes nothing new at `address`; what is under way goes on. */
  stop(address: string): void {
    this.#known(address).state = 'stopped'
  }

  /** The host at `address` dies: what is under way is cut, nothing new is taken. */
  kill(address: string): void {
    const host = this.#known(address)
    host.state = 'killed'
    for (const cut of [...host.cuts]) cut()
  }

  /** Back again after `stop` or `kill`. */
  start(address: string): void {
    this.#known(address).state = 'up'
  }

  #claim(address: string): Host {
    if (this.#hosts.has(address)) throw networkError('EADDRINUSE', `the address ${address} is taken`)
    const host = new Host()
    this.#hosts.set(address, host)
    return host
  }

  #known(address: string): Host {
    const host = this.#hosts.get(address)
    if (host === undefined) throw new Error(`no host at ${address}`)
    return host
  }
}

// The two ends of a pair know nothing of each other's closing; those of a socket do.
function tie(end: Duplex, other: Duplex): void {
  end.once('close', () => {
    if (other.destroyed) return
    // An end of a pair has finished only once the other has read everything: nothing is lost by this.
    if (end.writableFinished) other.destroy()
    else other.destroy(networkError('ECONNRESET', 'the other end was destroyed'))
  })
}

function networkError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
