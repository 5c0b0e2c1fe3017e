/** What stands in for sockets in a test: addresses at which handlers answer, or byte streams begin, within the process. */
import type { Duplex } from 'node:stream'

/** Hands requests to handlers by address. */
export interface Network {
  /**
   * Fidelity `direct`: gives `request` to the handler that answers at `address` and returns what it returned.
   * `signal` aborts when the caller stopped waiting.
   * @throws an Error with code ECONNREFUSED, at once, where nobody answers there
   */
  deliver(address: string, request: unknown, signal: AbortSignal): Promise<unknown>
  /** True where `address` answers byte streams (fidelity `wire`) rather than requests. */
  isWire(address: string): boolean
  /** True where whoever is at `address` takes something new: it is neither stopped nor dead. */
  isUp(address: string): boolean
  /**
   * Fidelity `wire`: the client's end of a byte stream to whoever listens at `address`.
   * @throws an Error with code ECONNREFUSED where nobody does
   */
  connect(address: string): Duplex
  /** Fidelity `wire`: from now on `accept` gets the server's end of each stream to `address`; returns how to stop. */
  listen(address: string, accept: (socket: Duplex) => void): () => void
}
