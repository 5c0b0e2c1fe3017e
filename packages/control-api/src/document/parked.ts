/** Polls that wait for a change, and how a change reaches them: those concerned only, together, and never all in one turn of the loop. */
import type { Clock } from '../clock.ts'
import type { Interest } from './interest.ts'
import type { PollingClient } from './polling-client.ts'
import type { ServiceSections } from './service-sections.ts'

/** What parked polls stand on. */
export interface ParkedParts {
  readonly clock: Clock
  /** Who must hear of a change of a service. */
  readonly interestsIn: (sections: ServiceSections) => Iterable<Interest>
  /** The index of the newest change. */
  readonly currentIndex: () => number
  /** Answers a poll with what changed; it has been taken out. */
  readonly wake: (client: PollingClient) => void
  /** Answers a poll that has waited long enough; it has been taken out. */
  readonly expire: (client: PollingClient) => void
}

// A change waits so long for others, so that they go out together: a deployment changes many endpoints within moments.
const gatherMs = 100
// How late the end of a wait may be noticed.
const sweepMs = 200
// One turn of the loop may last so long: what else the process is asked, /healthz first of all, waits no longer than that.
const turnMs = 8
// The clock is read once for so many answers.
const stride = 16

/** All parked polls. */
export class ParkedPolls {
  readonly #parts: ParkedParts
  readonly #byInterest = new Map<Interest, Set<PollingClient>>()
  #changed = new Set<ServiceSections>()
  #window: { cancel(): void } | null = null
  #sweep: { cancel(): void } | null = null
  #size = 0
  #flushedIndex: number

  constructor(parts: ParkedParts) {
    this.#parts = parts
    this.#flushedIndex = parts.currentIndex()
  }

  get size(): number {
    return this.#size
  }

  /** Changes up to this index have been gathered: who does not know of them is answered at once. Later ones are still waiting for company. */
  get flushedIndex(): number {
    return this.#window === null ? this.#parts.currentIndex() : this.#flushedIndex
  }

  /** Parks the poll in `client`, until something changes or its time is over. */
  park(client: PollingClient): void {
    const interest = client.interest as Interest
    const clients = this.#byInterest.get(interest)
    if (clients === undefined) this.#byInterest.set(interest, new Set([client]))
    else clients.add(client)
    this.#size += 1
    this.#sweep ??= this.#parts.clock.setTimer(sweepMs, () => this.#expire())
  }

  /** Takes a poll out; harmless where it is not in. */
  takeOut(client: PollingClient): void {
    const interest = client.interest as Interest
    const clients = this.#byInterest.get(interest)
    if (clients?.delete(client) !== true) return
    this.#size -= 1
    if (clients.size === 0) this.#byInterest.delete(interest)
  }

  /** Notes a change, and wakes whom it concerns when its window is over. */
  changed(sections: ServiceSections): void {
    this.#changed.add(sections)
    this.#window ??= this.#parts.clock.setTimer(gatherMs, () => void this.#flush())
  }

  /** Answers all at once with nothing new. */
  drain(): void {
    this.#window?.cancel()
    this.#window = null
    this.#sweep?.cancel()
    this.#sweep = null
    for (const client of this.#all()) this.#end(client)
  }

  async #flush(): Promise<void> {
    this.#window = null
    this.#flushedIndex = this.#parts.currentIndex()
    const concerned = new Set<Interest>()
    for (const sections of this.#changed) for (const interest of this.#parts.interestsIn(sections)) concerned.add(interest)
    this.#changed = new Set()
    let turnEndsAt = performance.now() + turnMs
    let woken = 0
    for (const interest of concerned) {
      // A copy: clients that were answered come back and are parked anew while this goes on.
      for (const client of [...(this.#byInterest.get(interest) ?? [])]) {
        if (client.reply === null || client.interest !== interest) continue
        if (!interest.changedWithin(client.seen, this.#parts.currentIndex(), client.schema)) continue
        this.takeOut(client)
        this.#parts.wake(client)
        woken += 1
        if (woken % stride !== 0 || performance.now() < turnEndsAt) continue
        await new Promise<void>((resolve) => setImmediate(resolve))
        turnEndsAt = performance.now() + turnMs
      }
    }
  }

  #expire(): void {
    this.#sweep = null
    const now = this.#parts.clock.now()
    for (const client of this.#all()) if (client.waitsUntil <= now) this.#end(client)
    if (this.#size > 0) this.#sweep = this.#parts.clock.setTimer(sweepMs, () => this.#expire())
  }

  #end(client: PollingClient): void {
    this.takeOut(client)
    this.#parts.expire(client)
  }

  *#all(): Generator<PollingClient> {
    for (const clients of this.#byInterest.values()) yield* clients
  }
}
