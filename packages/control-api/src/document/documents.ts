/** Answers polls: at once where the client lacks something, else when something of its document changes. */
import { schemaLevel } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { Registry } from '../registry/registry.ts'
import type { PolicyStore } from '../store/policy-store.ts'
import { Catalog, defaultsName } from './catalog.ts'
import { Clients } from './clients.ts'
import { documentOf, type PieceOfAnswer } from './document.ts'
import type { IndexCounter } from './index-counter.ts'
import type { Interest } from './interest.ts'
import { Interests } from './interests.ts'
import { ParkedPolls } from './parked.ts'
import type { Poll, PollReply } from './poll.ts'
import type { PollingClient } from './polling-client.ts'
import { TrustPart, type TrustSource, trustLevel } from './trust-part.ts'

// A client that cannot reach the control API tries again after 15 s at the latest; a try takes time, too.
const longestBetweenPollsMs = 20_000

/** What documents are made of. */
export interface DocumentsParts {
  readonly policies: PolicyStore
  readonly registry: Registry
  readonly counter: IndexCounter
  readonly clock: Clock
  /** Null where there is no authority. */
  readonly trust: TrustSource | null
  /** From [0, 1); spreads the ends of waits. */
  readonly random?: () => number
}

/** The answer that was made last, for others who ask the same. */
interface LastAnswer {
  readonly interest: Interest
  readonly held: Interest | null
  readonly level: number
  readonly after: number
  readonly index: number
  readonly pieces: readonly PieceOfAnswer[]
}

/** The documents of all clients. */
export class Documents {
  readonly #parts: DocumentsParts
  readonly #epoch: string
  readonly catalog: Catalog
  readonly interests: Interests
  readonly clients: Clients
  readonly #parked: ParkedPolls
  readonly #trust: TrustPart | null
  #last: LastAnswer | null = null
  #drains = false

  constructor(parts: DocumentsParts) {
    this.#parts = parts
    this.#epoch = parts.policies.epoch
    this.catalog = new Catalog({ ...parts, onChange: (sections) => this.#parked.changed(sections) })
    this.#trust = parts.trust === null ? null : new TrustPart(parts.trust, () => this.#trustChanged())
    this.interests = new Interests(this.catalog, this.#trust)
    this.clients = new Clients(parts.clock, this.interests)
    this.#parked = new ParkedPolls({
      clock: parts.clock,
      interestsIn: (sections) => this.interests.in(sections),
      currentIndex: () => parts.counter.current,
      wake: (client) => this.#answer(client),
      expire: (client) => this.#answerNothing(client),
    })
  }

  /** The version of what is in force now. */
  get version(): string {
    return this.versionAt(this.#parts.counter.current)
  }

  get parked(): number {
    return this.#parked.size
  }

  /** An index as clients know it. */
  versionAt(index: number): string {
    return `${this.#epoch}.${index}`
  }

  /** True where a client has applied all of its document as it is now. */
  isCurrent({ applied, interest, heldInterest, schema }: PollingClient): boolean {
    // One that has just asked for more has what it asked for before, and no longer all.
    if (applied < 0 || interest === null || heldInterest === null || interest.goesBeyond(heldInterest)) return false
    return !interest.changedWithin(applied, this.#parts.counter.current, schema)
  }

  /** Clients that are sent the trust, are believed to be there, and have not said that they hold the one of `hash`. */
  *withoutTrust(hash: string): Generator<PollingClient> {
    const trust = this.#trust
    for (const client of this.clients.all()) {
      if (client.schema < trustLevel || this.#isGone(client)) continue
      if (trust?.hash !== hash || client.applied < 0 || client.applied < trust.at) yield client
    }
  }

  /**
   * Answers a poll, now or later.
   * @returns how to say that nobody waits for the answer any more
   * @throws TooManyClients, TooManyNames
   */
  poll(poll: Poll, reply: PollReply): () => void {
    const known = this.clients.find(poll)
    // A process asks once at a time: of two polls the first is one whose connection was lost without our noticing.
    if (known !== undefined && known.reply !== null) this.#answerNothing(known)
    const client = this.clients.heard(poll)
    client.reply = reply
    client.applied = this.#indexOf(poll.after)
    this.#confirm(client)
    // Who refused a version knows of it: it must not be sent again and again. Who holds nothing is always sent everything.
    const refusedAt = poll.refused === null || client.heldAt < 0 ? -1 : this.#indexOf(poll.refused.version)
    const knownAt = Math.max(client.heldAt, refusedAt)
    const told = client.toldAt(knownAt)
    client.seen = told === null ? -1 : knownAt
    if (told === null || this.#lacksSomething(client, told)) this.#answer(client)
    else if (poll.waitMs === 0 || this.#drains) this.#answerNothing(client)
    else this.#park(client, poll.waitMs)
    return () => {
      if (client.reply === reply) this.#takeOut(client)
    }
  }

  /** Answers every parked poll with nothing new, and parks none any more: each is answered at once with what there is. */
  drain(): void {
    this.#drains = true
    this.#parked.drain()
  }

  close(): void {
    this.drain()
    this.#trust?.close()
    this.catalog.close()
    this.clients.close()
  }

  /** Neither does it poll, nor does a lease say that its process is there: the wait of its last poll is over, and it had time to ask again. */
  #isGone({ service, instance, reply, heardAt, waitsUntil }: PollingClient): boolean {
    if (reply !== null || this.#parts.registry.roll(service)?.get(instance) !== undefined) return false
    return this.#parts.clock.now() > Math.max(heardAt, waitsUntil) + longestBetweenPollsMs
  }

  #trustChanged(): number {
    const index = this.#parts.counter.next()
    // All documents hold the defaults: whoever polls follows them.
    const defaults = this.catalog.find(defaultsName)
    if (defaults !== undefined) this.#parked.changed(defaults)
    return index
  }

  /** The index of a version; -1 for none, for another epoch, for the future, and for what lies before this run. */
  #indexOf(version: string | null): number {
    const dot = version?.indexOf('.') ?? -1
    if (version === null || version.slice(0, dot) !== this.#epoch) return -1
    const index = Number(version.slice(dot + 1))
    return index >= this.#parts.counter.start && index <= this.#parts.counter.current ? index : -1
  }

  /** Takes over what the client says to hold, where it was told that. */
  #confirm(client: PollingClient): void {
    const held = client.toldAt(client.applied)
    client.heldInterest = held
    client.heldAt = held === null ? -1 : client.applied
  }

  #lacksSomething(client: PollingClient, told: Interest): boolean {
    const interest = client.interest as Interest
    return interest.goesBeyond(told) || interest.changedWithin(client.seen, this.#parked.flushedIndex, client.schema)
  }

  #park(client: PollingClient, waitMs: number): void {
    // Up to a sixteenth more, as Consul does it: ten thousand that were woken together must not come back together for ever.
    const jitterMs = ((this.#parts.random ?? Math.random)() * waitMs) / 16
    client.waitsUntil = this.#parts.clock.now() + waitMs + jitterMs
    this.#parked.park(client)
  }

  #answer(client: PollingClient): void {
    const interest = client.interest as Interest
    const reply = this.#takeOut(client)
    // One version must not name two contents to one client: should this answer be lost, its next poll shows which one it holds.
    if (client.heldInterest !== interest && client.heldAt === this.#parts.counter.current) this.#parts.counter.next()
    const index = this.#parts.counter.current
    const pieces = this.#piecesFor(client, interest)
    client.sentAt = index
    client.sentInterest = interest
    reply?.document(pieces)
  }

  #answerNothing(client: PollingClient): void {
    const interest = client.interest as Interest
    const index = this.#parts.counter.current
    const holdsAll = client.heldAt >= 0 && client.seen === client.heldAt && !interest.changedWithin(client.heldAt, index, client.schema)
    if (holdsAll) {
      client.sentAt = index
      client.sentInterest = interest
    }
    const reply = this.#takeOut(client)
    reply?.nothing(client.heldAt < 0 ? null : this.versionAt(holdsAll ? index : client.heldAt))
  }

  #piecesFor(client: PollingClient, interest: Interest): readonly PieceOfAnswer[] {
    const { heldAt: after, heldInterest: held } = client
    const level = Math.min(client.schema, schemaLevel)
    const index = this.#parts.counter.current
    const last = this.#last
    const isSame = last?.interest === interest && last.held === held && last.level === level && last.after === after && last.index === index
    if (isSame) return last.pieces
    const { revision } = this.#parts.policies
    const pieces = documentOf({ interest, level, after, held, version: this.versionAt(index), revision })
    this.#last = { interest, held, level, after, index, pieces }
    return pieces
  }

  #takeOut(client: PollingClient): PollReply | null {
    const { reply } = client
    client.reply = null
    client.heardAt = this.#parts.clock.now()
    this.#parked.takeOut(client)
    return reply
  }
}
