/** The check of an endpoint that asks nothing: whether it takes a connection. */
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
import { Dial } from './dial.ts'
import { isSecured } from './way.ts'

/** Makes the Send that connects to `call.endpoint` as calls do, but always anew, its handshake included, and closes the connection at once. */
export function connectionCheck(parts: MeshParts, mtls: MtlsMode): Send {
  return bottomSend((call, give) => new ConnectionCheck(call, { parts, mtls }, give).start())
}

class ConnectionCheck implements Waiting {
  readonly #call: Call
  readonly #parts: MeshParts
  readonly #give: (outcome: Outcome) => void
  readonly #dial: Dial

  constructor(call: Call, { parts, mtls }: { readonly parts: MeshParts; readonly mtls: MtlsMode }, give: (outcome: Outcome) => void) {
    this.#call = call
    this.#parts = parts
    this.#give = give
    const endpoint = call.endpoint as Endpoint
    this.#dial = new Dial({ endpoint, parts, secured: isSecured({ endpoint, parts }, mtls) })
  }

  start(): void {
    const { network } = this.#parts
    const { address } = this.#call.endpoint as Endpoint
    this.#call.cancel = this
    // Where requests are handed over as they are, there is no stream to open.
    if (network !== null && !network.isWire(address)) {
      this.#finish(network.isUp(address) ? null : new Error(`nobody answers at ${address}`))
      return
    }
    this.#dial.open().then(
      ({ socket }) => {
        // In good order, so that no server logs a reset; whatever still befalls it is nobody's concern.
        socket.end(() => socket.destroy())
        this.#finish(null)
      },
      (error: Error) => this.#finish(error),
    )
  }

  cancelled(call: Call): void {
    const end = ended(call, this.#parts.clock.now())
    this.#give(end)
    this.#dial.stop(new Error('the check is over'))
  }

  #finish(error: Error | null): void {
    if (this.#call.cancel !== this) return
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
