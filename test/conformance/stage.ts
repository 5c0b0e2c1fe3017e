/** Where a case is played: a mesh, a service behind it, and time. */
import type { Mesh } from '@zerohop/mesh-core'
import type { CallSpec, RunnerName } from './case.ts'
import type { PlacedCall } from './placed-call.ts'
import type { Reception } from './reception.ts'
import type { Brought, OpenRequest, Told, Wire } from './wire.ts'

/** A call as an instance saw it. */
export interface Arrival extends Told {
  readonly instance: number
  readonly at: number
  /** False where the instance's mesh refused it above the handler. */
  readonly executed: boolean
}

/** One world for one case. */
export interface Stage extends AsyncDisposable {
  readonly runner: RunnerName
  readonly wire: Wire
  readonly mesh: Mesh
  readonly arrivals: readonly Arrival[]
  /** What is added to the most time that a case allows: what a busy machine may cost. */
  readonly slackMs: number
  /** Told of each arrival before it is answered, with its number from 1; null for nobody. */
  whenArrived: ((number: number) => void) | null
  now(): number
  /** From now on every instance answers ok. */
  heal(): Promise<void>
  /** Makes a call, outside of any inbound request or within `request`. */
  place(spec: CallSpec, request: OpenRequest | null): PlacedCall
  open(brought: Brought): Promise<OpenRequest>
  /** Where visitors come in; made when it is first asked for. */
  readonly reception: Reception
  pass(ms: number): Promise<void>
  /** Lets time pass until `done`, at most `mostMs`; false where it never was. */
  until(done: () => boolean, mostMs: number): Promise<boolean>
  instance(number: number, move: 'kill' | 'start'): Promise<void>
  /** Calls that instances are still busy with over an open connection. */
  busy(): number
  /** Connections open to instances. */
  connections(): number
  /** Timers that are set, where the runner can count them; 0 elsewhere. */
  timers(): number
}
