/** What a wire of the mesh is to the list of cases: its own form of their words, calls over it, and services behind it. */
import type { ErrorCode, Mesh } from '@zerohop/mesh-core'
import type { Identity } from '@zerohop/mesh-core/transport'
import type { Behaviour, CallSpec, Case, Upstream, Visitor, WireName, Word } from './case.ts'
import type { Ended } from './seen.ts'

/** What an instance was told with a call; -1 and '' for nothing. */
export interface Told {
  readonly attempt: number
  readonly timeMs: number
  readonly trace: string
  readonly span: string
  readonly baggage: string
}

/** Notes that a call reached an instance, and says what the instance does with it. */
export type Serve = (told: Told) => Behaviour

/** Makes one call and sees it to its end; never rejects. When `signal` aborts, with {@link callerLeft}, its caller leaves. */
export type Caller = (spec: CallSpec, signal: AbortSignal) => Promise<Ended>

/** A server of an instance on a port of its own, which can be killed and come back there. */
export interface InstanceServer {
  readonly port: number
  /** Calls without a whole answer, whose connection is open. */
  readonly busy: number
  readonly connections: number
  start(): Promise<void>
  kill(): Promise<void>
}

/** A request that came in, under which calls can be made. */
export interface OpenRequest {
  /** Runs `work` as the request's handler would. */
  under<T>(work: () => T): T
  /** Answers it, with everything that a call got where one is given, unless it is over; resolves when the answer has gone. */
  answer(passed: Ended | null): Promise<void>
  /** Whoever sent it hangs up; resolves when the mesh can know. */
  leave(): Promise<void>
}

/** What an inbound request brings; 0 and '' for nothing. */
export interface Brought {
  readonly leftMs: number
  readonly trace: string
  readonly baggage: string
}

/** Lets requests come into the calling mesh over a socket, so that calls can be made under them. */
export interface InboundDoor {
  /** Sends a request and resolves when the handler has it. */
  open(brought: Brought): Promise<OpenRequest>
  close(): void
}

/** One wire. */
export interface Wire {
  readonly name: WireName
  /** True where an attempt is told its number; false where it is told how many handlers may have seen the call before. */
  readonly countsUnseen: boolean
  /** The policy of a case, where the wire has words of its own in policies. */
  policyOf(policy: Case['policy']): Case['policy']
  /** The status of an answer. */
  statusOf(answer: { readonly word: Word; readonly status: string }): string
  /** The answer that a status is; undefined for a status that stands for none. */
  wordOf(status: string): Word | undefined
  /** What access takes for the method of a visitor's call. */
  methodOf(visitor: Visitor): string
  /** Calls of `mesh` to the service of cases. */
  caller(mesh: Mesh, upstream: Upstream): Caller
  /** Answers a request in memory; `wait` passes virtual time. */
  answer(request: unknown, serve: Serve, wait: (ms: number) => Promise<void>): Promise<unknown>
  /** An instance that is no member of the mesh; `fresh` where no connection is to serve twice. */
  instance(serve: Serve, fresh: boolean): InstanceServer
  /** Serves an instance as `mesh`, on a free port of loopback, which is returned. */
  member(mesh: Mesh, serve: Serve): Promise<number>
  door(mesh: Mesh): InboundDoor
  /** Serves visitors as `mesh`, and returns how one comes in: '' where it reached the handler, else the code of its refusal. */
  receive(mesh: Mesh): Promise<(visitor: Visitor, identity: Identity | null) => Promise<ErrorCode | ''>>
}
