/** What a wire brings to the mesh, and what it is told in return. */
import type { Call } from '../kernel/call.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import type { Send } from '../kernel/layer.ts'
import type { Outcome } from '../kernel/outcome.ts'
import type { CodesPolicy, ConnectionsPolicy, StreamPolicy } from '../policy/index.ts'

/** The slices of a destination's policy that concern a wire. */
export interface BottomSettings {
  readonly service: string
  readonly codes: CodesPolicy
  readonly connections: ConnectionsPolicy
  /** `strict`: connections are secured whatever the endpoint says; `disabled`: never. Else as the endpoint says. */
  readonly mtls: MtlsMode
  /** Set where calls are streams: the wire hears when they fall silent. Their length is bounded above it, as `call.deadlineAt`. */
  readonly stream: StreamPolicy | null
}

/** A protocol under the mesh. One object per mesh and protocol, made once. */
export interface Wire {
  /** `http`, `grpc`: the protocol label of metrics. */
  readonly name: string
  /**
   * Makes the Send that carries an attempt to `call.endpoint`. Called again for every policy that changes the settings;
   * what must survive a policy (connections) belongs to the wire, keyed by endpoint.
   */
  bottom(settings: BottomSettings): Send
  /** A call that asks an endpoint for `path`, for the active checks of a policy; it goes through a `bottom` as any other. Left out: this wire checks nobody. */
  checkCall?(service: string, path: string): Call
  /**
   * Makes the Send that opens a new connection to `call.endpoint` and closes it at once, for the checks of a policy that ask nothing: `ok`
   * where there was one, `unreached` where not; the call's own ending bounds it. Left out: this wire checks no connections.
   */
  checkConnection?(settings: BottomSettings): Send
  /** An answer given in the server's place, judged as the server's would be: how a policy injects a fault. */
  answer(call: Call, status: number, codes: CodesPolicy): Outcome
}
