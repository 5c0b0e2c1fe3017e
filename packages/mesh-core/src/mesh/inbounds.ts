/** The ways into this process, one for each wire, compiled anew with every policy. */
import type { AccessGround } from '../access/access.ts'
import type { Send } from '../kernel/layer.ts'
import { Gate } from '../limit/gate.ts'
import { TokenBucket } from '../limit/token-bucket.ts'
import type { EffectivePolicy } from '../policy/index.ts'
import type { StackGround } from '../stack/client-stack.ts'
import type { Inbound } from '../stack/destination.ts'
import { type InboundState, type InboundWire, serverStack } from '../stack/server-stack.ts'

/** One per mesh; what it counts outlives every policy. */
export class Inbounds {
  readonly #ground: StackGround
  readonly #state: InboundState
  readonly #inbounds: { readonly wire: InboundWire; readonly inbound: Inbound }[] = []

  constructor(ground: StackGround, accessGround: AccessGround) {
    this.#ground = ground
    this.#state = { gate: new Gate(ground.clock, ground.wheel), bucket: new TokenBucket(), accessGround }
  }

  /** Opens the way in of one wire. */
  open(policy: EffectivePolicy, wire: InboundWire): Inbound {
    const inbound: Inbound = { send: this.#compile(policy, wire) }
    this.#inbounds.push({ wire, inbound })
    return inbound
  }

  /** Compiles everything for `policy` and returns how to put it in force, which cannot fail. */
  prepare(policy: EffectivePolicy): () => void {
    const prepared = this.#inbounds.map(({ wire, inbound }) => ({ inbound, send: this.#compile(policy, wire) }))
    return () => {
      for (const { inbound, send } of prepared) inbound.send = send
      this.retune(policy)
    }
  }

  /** Takes the thresholds of a policy; counts stay. */
  retune(policy: EffectivePolicy): void {
    this.#state.gate.tune(policy.inboundLimit)
    this.#state.bucket.tune(policy.inboundRate, this.#ground.clock.now())
  }

  #compile(policy: EffectivePolicy, wire: InboundWire): Send {
    return serverStack(policy, this.#state, { ground: this.#ground, wire })
  }
}
