/** The check of an endpoint that asks nothing: whether it takes a connection. */
import type { Duplex } from 'node:stream'
import type { CheckWay } from '../health/health-checks.ts'
import { bottomSend } from '../kernel/bottom.ts'
import { Call, type Waiting } from '../kernel/call.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { ended, type Outcome, wholeOutcome } from '../kernel/outcome.ts'
import { OK, UNREACHED } from '../kernel/verdict.ts'
import { Dial } from './dial.ts'
import type { DialGround } from './dial-ground.ts'
import { isSecured } from './secured.ts'

/** How the calls connect that are checked for. */
export interface CheckedFor {
  readonly service: string
  readonly mtls: MtlsMode
  /** As `DialStart` has it. */
  readonly alpn: readonly string[]
}

/** Connects to `call.endpoint` as calls do, but always anew, its handshake included, and closes the connection at once. */
export function connectionCheck(ground: DialGround, how: CheckedFor): CheckWay {
  const { service } = how
  return {
    asked: null,
    // It carries nothing: its endpoint and its end are all that is looked at.
    call: () => new Call({ service, method: '', path: '', kind: 'unary', message: null, replayable: true, idempotent: true }),
    send: bottomSend((call, give) => new ConnectionCheck(call, { ground, ...how }, give).start()),
  }
}

class ConnectionCheck implements Waiting {
  readonly #call: Call
  readonly #ground: DialGround
  readonly #give: (outcome: Outcome) => void
  readonly #dial: Dial

  constructor(call: Call, { ground, mtls, alpn }: CheckedFor & { readonly ground: DialGround }, give: (outcome: Outcome) => void) {
    this.#call = call
    this.#ground = ground
    this.#give = give
    const endpoint = call.endpoint as Endpoint
    this.#dial = new Dial({ endpoint, ground, secured: isSecured(endpoint, mtls, ground), alpn }, (_dial, made, error) => {
      if (made !== null) close(made.socket)
      this.#finish(error)
    })
  }

  start(): void {
    const { network } = this.#ground
    const { address } = this.#call.endpoint as Endpoint
    this.#call.cancel = this
    if (network === null || network.isWire(address)) this.#dial.start(null)
    // Where requests are handed over as they are, there is no stream to open.
    else this.#finish(network.isUp(address) ? null : new Error(`nobody answers at ${address}`))
  }

  cancelled(call: Call): void {
    this.#dial.stop()
    this.#give(ended(call, this.#ground.clock.now()))
  }

  #finish(error: Error | null): void {
    this.#call.cancel = null
    const code = MeshError.is(error) ? error.code : ''
    this.#give(wholeOutcome(this.#call, error === null ? OK : UNREACHED, { error, code, at: this.#ground.clock.now() }))
  }
}

// In good order, so that no server logs a reset; whatever still befalls it is nobody's concern.
function close(socket: Duplex): void {
  socket.on('error', () => {})
  socket.end(() => socket.destroy())
}
