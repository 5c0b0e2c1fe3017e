/** What a case of conformance is made of: a policy, a service that behaves, calls, and what must come of them, in words that every wire has. */
import type { ErrorCode, VerdictName } from '@zerohop/mesh-core'
import type { PolicyDocumentInput } from '@zerohop/mesh-core/policy'

/** The runners: over memory in virtual time, and over sockets in real time. */
export type RunnerName = 'direct' | 'sockets'

export type WireName = 'http' | 'grpc'

/**
 * Answers that every wire can give; each wire has a status of its own for them. `full` is what a mesh answers that has no place for a call,
 * `late` what a server does that has run out of time.
 */
export type Word = 'ok' | 'rejected' | 'missing' | 'forbidden' | 'throttled' | 'unavailable' | 'fault' | 'full' | 'late'

/** What an instance does with one call that reaches it. */
export interface Behaviour {
  /** `refuses` is a mesh that says no above the handler; `cut` loses the connection. */
  readonly kind: 'answers' | 'silent' | 'refuses' | 'cut'
  /** What is answered, where something is. */
  readonly word: Word
  /** A status that one wire alone has, in place of `word`; '' for none. */
  readonly status: string
  /** Waits this long before it answers, or is cut. */
  readonly afterMs: number
  /** What the answer asks the caller to wait; 0: nothing. */
  readonly retryAfterMs: number
  /** The answer's body, in pieces with a pause before each but the first; where a failure has no body, its pieces come at once, with the status. */
  readonly pieces: number
  readonly everyMs: number
  /** Where the connection is lost, for `cut`; `body` is after the pieces. */
  readonly at: 'head' | 'mid-head' | 'body'
}

/** The service that is called. */
export interface Upstream {
  /** Default 1. */
  readonly instances?: number
  /** The version of each instance in turn. */
  readonly versions?: readonly string[]
  /** The zone of each instance in turn. */
  readonly zones?: readonly string[]
  /** The zone of the caller. */
  readonly zone?: string
  /** What is done with call n, over all instances; the last one holds from then on. Default: answers ok. */
  readonly does?: readonly Behaviour[]
  /** The same for each instance apart; in place of `does`. */
  readonly each?: readonly (readonly Behaviour[])[]
  /** Instances that are listed, and where nobody listens. */
  readonly down?: readonly number[]
  /** Instances are members of the mesh, under the same policy. */
  readonly meshed?: boolean
  /** Given: caller and instances speak mutual TLS, and these are the services that they prove to be; '' for nobody. Instances are members then. */
  readonly identities?: { readonly caller: string; readonly instances: string }
  /** No connection serves twice, where that is what a lost one would be blamed on: the keep-alive race. */
  readonly freshConnections?: boolean
}

/** One call. */
export interface CallSpec {
  /** `read` and `replace` may be repeated, `act` may not. */
  readonly does: 'read' | 'replace' | 'act'
  /** What is sent: `stream` can be read once and is short enough to be kept, `long-stream` is not. */
  readonly body: 'none' | 'whole' | 'stream' | 'long-stream'
  /** The wire's own word for "a second execution does no harm". */
  readonly key: boolean
  /** The program's word for it. */
  readonly idempotent: boolean | undefined
  readonly once: boolean
  /** The caller would rather wait than fail while the service is not ready. */
  readonly waits: boolean
  /** 0: none of its own. */
  readonly timeoutMs: number
  /** The name of the inbound request under which it is made; '' for none. */
  readonly under: string
}

/** Somebody who calls the service from elsewhere than the calling mesh. */
export interface Visitor {
  /** The service that it proves to be, or a SPIFFE ID; '' in plaintext. */
  readonly as: string
  readonly method: string
  /** As sent, with its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Visitors as access saw them: how many, by reason. */
export interface VisitorsSight {
  readonly plaintext?: number
  readonly refused?: Readonly<Record<string, number>>
  readonly wouldRefuse?: Readonly<Record<string, number>>
}

/** What a call must come to. */
export interface Ending {
  /** What it counts as. */
  readonly verdict: VerdictName
  /** What its caller gets: an answer to its last byte, an error in its place, or an error within its body. Default: what follows from the verdict. */
  readonly gets?: 'answer' | 'error' | 'broken answer'
  /** The answer, where it is not what the verdict says. */
  readonly answer?: Word
  /** A status that one wire alone has. */
  readonly status?: string
  readonly code?: ErrorCode
  /** Attempts that the error lists. */
  readonly attempts?: number
  /** Least and most time, in ms. */
  readonly within?: readonly [least: number, most: number]
  /** Pieces of the body that came. */
  readonly pieces?: number
}

/** How many of some calls came to what, by verdict or by code. */
export type Tally = Readonly<Partial<Record<VerdictName | ErrorCode, number | readonly [least: number, most: number]>>>

/** What must be seen in the mesh and in the service. */
export interface Sight {
  /** Calls that reached a handler. */
  readonly executions?: number | readonly [least: number, most: number]
  /** The same by instance, in the order of their numbers or, sorted, of their size. */
  readonly executionsOn?: readonly (number | readonly [least: number, most: number])[]
  readonly executionsSorted?: readonly number[]
  /** Calls that reached an instance, refused ones included. */
  readonly arrivals?: number
  /** True where no instance got two arrivals. */
  readonly allElsewhere?: boolean
  /** The number of the attempt that each arrival was told, where the wire tells it. */
  readonly attemptsTold?: readonly number[]
  /** The time that each arrival was told its caller will wait. */
  readonly timesTold?: readonly (readonly [least: number, most: number])[]
  /** Time between arrivals. */
  readonly gaps?: readonly (readonly [least: number, most: number])[]
  /** Time from the first arrival to the last. */
  readonly spanned?: readonly [least: number, most: number]
  /** Breakers by version, as far as any moved or was asked. */
  readonly breakers?: Readonly<Record<string, 'closed' | 'open' | 'probing'>>
  /** States of endpoints, sorted. */
  readonly endpoints?: readonly ('in' | 'out' | 'probing')[]
  readonly inFlight?: number
  readonly queued?: number
  readonly retriesLeft?: number
  /** Retries that metrics count. */
  readonly retries?: number | readonly [least: number, most: number]
  /** Attempts that metrics count, by verdict. */
  readonly attempts?: Readonly<Partial<Record<VerdictName, number>>>
  /** Moves of breakers and endpoints so far, in their order. */
  readonly moves?: readonly string[]
  /** The trace that every arrival belonged to; `one` where all belonged to the same. Each had a span of its own. */
  readonly trace?: string
  /** The baggage of every arrival. */
  readonly baggage?: string
  readonly visitors?: VisitorsSight
}

/** What happens in a case, one after the other. */
export type Step =
  | { readonly do: 'call'; readonly spec: CallSpec; readonly times: number; readonly everyMs: number; readonly expect: Ending | Tally }
  | { readonly do: 'begin'; readonly name: string; readonly spec: CallSpec; readonly times: number }
  | { readonly do: 'abort'; readonly name: string }
  | { readonly do: 'end'; readonly name: string; readonly expect: Ending | Tally }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'see'; readonly sight: Sight }
  | { readonly do: 'instance'; readonly number: number; readonly move: 'kill' | 'start' }
  | { readonly do: 'open'; readonly name: string; readonly leftMs: number; readonly trace: string; readonly baggage: string }
  /** The inbound request is answered: with what a call got, where one is named. */
  | { readonly do: 'answer'; readonly name: string; readonly from: string }
  /** Whoever sent the inbound request hangs up. */
  | { readonly do: 'leave'; readonly name: string }
  /** Somebody calls the service, and gets in (''), or is refused with a code. */
  | { readonly do: 'visit'; readonly visitor: Visitor; readonly expect: ErrorCode | '' }
  | { readonly do: 'close' }

/** One behaviour of the mesh, on every wire and every runner. */
export interface Case {
  /** A sentence. */
  readonly name: string
  readonly policy: Omit<PolicyDocumentInput, 'service'>
  readonly upstream: Upstream
  readonly steps: readonly Step[]
  /** Runners and wires on which it cannot run, each with the reason. */
  readonly not?: Readonly<Partial<Record<RunnerName | WireName, string>>>
  /** Fixes what is drawn, where a runner can. Default 1. */
  readonly seed?: number
}
