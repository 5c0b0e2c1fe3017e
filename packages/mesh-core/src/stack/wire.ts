/** What a wire brings to the mesh, and what it is told in return. */
import type { CheckWay } from '../health/health-checks.ts'
import type { Call } from '../kernel/call.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import type { Send } from '../kernel/layer.ts'
import type { Outcome } from '../kernel/outcome.ts'
import type { CodesPolicy, ConnectionsPolicy, HealthPolicy, StreamPolicy } from '../policy/index.ts'

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
  /** True where the pause that a server asks for before the next attempt is the pause, as in gRPC. Left out: the least one, as in HTTP. */
  readonly exactPushback?: boolean
  /**
   * Makes the Send that carries an attempt to `call.endpoint`. Called again for every policy that changes the settings;
   * what must survive a policy (connections) belongs to the wire, keyed by endpoint.
   */
  bottom(settings: BottomSettings): Send
  /**
   * How the active checks of a policy ask over this wire; null where it cannot ask so. A check that asks nothing opens a new connection and
   * closes it at once: `ok` where there was one, `unreached` where not. Left out: this wire checks nobody.
   */
  check?(settings: BottomSettings, health: HealthPolicy): CheckWay | null
  /** An answer given in the server's place, judged as the server's would be: how a policy injects a fault. */
  answer(call: Call, status: number, codes: CodesPolicy): Outcome
}
