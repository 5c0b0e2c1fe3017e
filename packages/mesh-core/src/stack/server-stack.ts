/** The contents page of an inbound request: every layer in the order in which it travels, each with the reason for its place. */
import { type AccessGround, access } from '../access/access.ts'
import { policyAwaited } from '../access/policy-awaited.ts'
import { deadline } from '../deadline/deadline.ts'
import { fault } from '../fault/fault.ts'
import type { Call } from '../kernel/call.ts'
import { type Send, stack } from '../kernel/layer.ts'
import type { Outcome } from '../kernel/outcome.ts'
import type { Gate } from '../limit/gate.ts'
import { limit } from '../limit/limit.ts'
import { rateLimit } from '../limit/rate-limit.ts'
import type { TokenBucket } from '../limit/token-bucket.ts'
import { observe } from '../observe/observe.ts'
import type { EffectivePolicy } from '../policy/index.ts'
import type { StackGround } from './client-stack.ts'

/** What outlives a policy on the server's side. */
export interface InboundState {
  readonly gate: Gate
  readonly bucket: TokenBucket
  readonly accessGround: AccessGround
}

/** The protocol's own part of an inbound stack. */
export interface InboundWire {
  readonly name: string
  /** Runs the handler. */
  readonly bottom: Send
  readonly answer: (call: Call, status: number) => Outcome
  /** A header or metadata field of the request, by its lower-case name; null where it has none; several values joined by a comma. */
  readonly header: (call: Call, name: string) => string | null
}

/** Compiles the service's own policy into the Send that carries requests to its handler. */
export function serverStack(policy: EffectivePolicy, state: InboundState, on: { ground: StackGround; wire: InboundWire }): Send {
  const { ground, wire } = on
  const { clock, wheel, random } = ground
  return stack(
    [
      // What is refused below is seen too.
      observe({
        direction: 'inbound',
        protocol: wire.name,
        cell: ground.meter.call('inbound', wire.name, policy.service),
        tracer: ground.tracer,
      }),
      // Above access, which could only ask the built-in policy, and that one lets everybody in.
      policyAwaited(state.accessGround),
      // A stranger must not cost capacity.
      access({ policy: policy.access, headerOf: wire.header, accessGround: state.accessGround }),
      // The time that the caller has left, read from the wire; it only ever shortens.
      deadline({ clock, wheel, timeoutMs: Number.POSITIVE_INFINITY }),
      // The cheapest refusal first.
      policy.inboundRate === null ? null : rateLimit(state.bucket),
      // The queue here is what protects the handler.
      limit(state.gate),
      // Innermost: what stands above must believe an injected fault.
      policy.inboundFault === null ? null : fault({ policy: policy.inboundFault, clock, wheel, random, answer: wire.answer }),
    ],
    wire.bottom,
  )
}
