/** One address of a service, with what the mesh knows and counts about it. */
import type { EndpointInfo } from './discovery.ts'
import { mtlsLabel, mtlsLabelValue } from './identity.ts'

/** Says whether an endpoint may be picked; outlier detection puts one on each endpoint it watches. */
export interface EndpointGuard {
  /** True where a pick may go there now: healthy, or ejected with its one probe free. */
  admits(now: number): boolean
  /** True while the endpoint is out of balance, its probation included. */
  readonly out: boolean
}

/** Something that a wire keeps for an endpoint and must let go of with it: a connection pool. */
export interface Retirable {
  /** The endpoint is gone: take no new work, let the work in flight end, then close. */
  retire(): void
}

// More than a single lost packet or the blink of a restart, and far fewer than the ten retries that the budget has for every second.
const refusalsToAvoid = 3

// While an endpoint is avoided, one attempt in this time goes there all the same and finds out; gRPC waits as long for its second connection.
const avoidForMs = 1000

/** The only thing that balance and outlier share. An endpoint keeps its identity, and so its counters, across discovery updates. */
export class Endpoint {
  readonly service: string
  /** `host:port`, the identity of the endpoint within its service. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** Labels by which versions of a policy select. */
  labels: Readonly<Record<string, string>>
  zone: string
  /** Relative share of picks; 1 by default, 0 for none. */
  weight: number
  /** Attempts under way. */
  inFlight = 0
  /** True once discovery no longer lists it. */
  gone = false
  /** The number of the update, by the count of its set, that listed it last. */
  listedIn = 0
  guard: EndpointGuard | null = null
  /** False while its active check fails; true where nobody checks. */
  healthy = true
  /** When it came anew, or became healthy again: slow start counts from here. */
  freshSince = Number.NEGATIVE_INFINITY
  #refusals = 0
  #avoidedUntil = Number.NEGATIVE_INFINITY
  #retirables: Retirable[] = []

  constructor(service: string, info: EndpointInfo) {
    const colon = info.address.lastIndexOf(':')
    this.service = service
    this.address = info.address
    this.host = info.address.slice(0, colon).replace(/^\[|\]$/g, '')
    this.port = Number(info.address.slice(colon + 1))
    this.labels = info.labels
    this.zone = info.zone
    this.weight = info.weight
  }

  /** True where it says, by a label, that it takes mutual TLS. */
  get takesMtls(): boolean {
    return this.labels[mtlsLabel] === mtlsLabelValue
  }

  /** True where balance may pick this endpoint now. */
  admits(now: number): boolean {
    return now >= this.#avoidedUntil && this.healthy && (this.guard === null || this.guard.admits(now))
  }

  /** True while connections to it fail, one after the other: nobody listens there, listed or not. */
  get avoided(): boolean {
    return this.#refusals >= refusalsToAvoid
  }

  /** True while it is out of balance for whatever reason: ejected, avoided or unhealthy. */
  get out(): boolean {
    return this.avoided || !this.healthy || this.guard?.out === true
  }

  /** An attempt goes there. Where the endpoint is avoided it is the one that finds out; the next one follows a while later, whatever becomes of it. */
  enter(now: number): void {
    if (this.avoided) this.#avoidedUntil = now + avoidForMs
  }

  /** No connection could be made. Returns whether the endpoint is avoided from now on and was not before. */
  refused(now: number): boolean {
    this.#refusals++
    if (this.#refusals !== refusalsToAvoid) return false
    this.#avoidedUntil = now + avoidForMs
    return true
  }

  /** Somebody answered, or took the connection. Returns whether the endpoint was avoided until now. */
  reached(): boolean {
    const wasAvoided = this.avoided
    this.#refusals = 0
    this.#avoidedUntil = Number.NEGATIVE_INFINITY
    return wasAvoided
  }

  /** Ties `thing` to this endpoint's life. */
  whenGone(thing: Retirable): void {
    if (this.gone) thing.retire()
    else this.#retirables.push(thing)
  }

  /** Discovery no longer lists the endpoint. */
  retire(): void {
    if (this.gone) return
    this.gone = true
    const retirables = this.#retirables
    this.#retirables = []
    for (const thing of retirables) thing.retire()
  }
}
