/** The check of an endpoint that asks nothing: whether it takes a connection. */
import type { Duplex } from 'node:stream'
import {
  bottomSend,
  type Call,
  type Endpoint,
  ended,
  MeshError,
  type MeshParts,
  type MtlsMode,
  OK,
  Outcome,
  type Send,
  UNREACHED,
  type Waiting,
} from '@zerohop/mesh-core/transport'
import { Connecting } from './connecting.ts'
import { isSecured } from './way.ts'

/** Makes the Send that connects to `call.endpoint` as calls do, but always anew, its handshake included, and closes the connection at once. */
export function connectionCheck(parts: MeshParts, mtls: MtlsMode): Send {
  return bottomSend((call, give) => new ConnectionCheck(call, { parts, mtls }, give).start())
}

class ConnectionCheck implements Waiting {
  readonly #call: Call
  readonly #parts: MeshParts
  readonly #give: (outcome: Outcome) => void
  readonly #connecting: Connecting

  constructor(call: Call, { parts, mtls }: { readonly parts: MeshParts; readonly mtls: MtlsMode }, give: (outcome: Outcome) => void) {
    this.#call = call
    this.#parts = parts
    this.#give = give
    const endpoint = call.endpoint as Endpoint
    const secured = isSecured({ endpoint, parts, mtls })
    this.#connecting = new Connecting({ endpoint, parts, secured }, (_connecting, made, error) => {
      if (made !== null) close(made.socket)
      this.#finish(error)
    })
  }

  start(): void {
    const { network } = this.#parts
    const { address } = this.#call.endpoint as Endpoint
    this.#call.cancel = this
    if (network === null || network.isWire(address)) this.#connecting.start(null)
    // Where requests are handed over as they are, there is no stream to open.
    else this.#finish(network.isUp(address) ? null : new Error(`nobody answers at ${address}`))
  }

  cancelled(call: Call): void {
    this.#connecting.stop()
    this.#give(ended(call, this.#parts.clock.now()))
  }

  #finish(error: Error | null): void {
    this.#call.cancel = null
    this.#give(
      new Outcome(this.#call, error === null ? OK : UNREACHED, {
        reply: null,
        error,
        code: MeshError.is(error) ? error.code : '',
        at: this.#parts.clock.now(),
        retryAfterMs: -1,
        staleConnection: false,
        open: false,
      }),
    )
  }
}

// In good order, so that no server logs a reset; whatever still befalls it is nobody's concern.
function close(socket: Duplex): void {
  socket.on('error', () => {})
  socket.end(() => socket.destroy())
}
