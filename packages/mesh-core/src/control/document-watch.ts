/** The poll loop: keeps one document in step with the control API, whatever the control API, or something in its place, answers. */

import { BackoffRounds } from '../kernel/backoff-rounds.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import { Rest } from '../kernel/rest.ts'
import { versionSchema } from '../policy/exchange.ts'
import type { ControlAnswer, ControlClient } from './control-client.ts'
import type { ControlCounts } from './control-counts.ts'
import { ControlFailure } from './control-failure.ts'
import { type Answer, differ, epochOf, type HeldDocument, indexOf, laidOver, readAnswer } from './held-document.ts'
import { PollPace } from './poll-pace.ts'
import { type PollerName, pollPath, type Refusal, waitMs } from './poll-path.ts'

/** What the owner of the loop does with what it brings. */
export interface WatchOwner {
  /** The services that the next poll asks for. */
  uses(): readonly string[]
  /**
   * Takes a whole new document, all of it in one tick.
   * @returns why its policies were refused; '' where they hold now
   */
  adopt(document: HeldDocument, newEpoch: boolean): string
  /** A poll that carried `uses` was answered well, with news or without. */
  answered(uses: readonly string[], document: HeldDocument): void
  /** A poll brought nothing that could be used; `everywhere` where that was so at the last address too. */
  failed(failure: ControlFailure, everywhere: boolean): void
}

export interface DocumentWatchOptions extends PollerName {
  readonly client: ControlClient
  readonly counts: ControlCounts
  readonly owner: WatchOwner
  readonly clock: Clock
  readonly random: Random
}

interface Poll {
  readonly after: string | null
  readonly uses: readonly string[]
  /** True where it asks for names that no answer has covered yet: it is answered at once. */
  readonly isFresh: boolean
  readonly startedAt: number
}

// The server adds up to a sixteenth of the wait; the rest is for the way.
const parkedLimitMs = waitMs + 10_000
// A poll that is answered at once.
const freshLimitMs = 10_000
// A poll that comes back without news sooner than this has not been parked.
const shortestParkMs = 1000
const mostPastEpochs = 16

/** Says to a parked poll that there is more to ask for. */
const moreToAsk = new Error('there is more to ask for')

/** One per mesh. */
export class DocumentWatch {
  readonly #options: DocumentWatchOptions
  readonly #pace = new PollPace()
  readonly #backoff: BackoffRounds
  readonly #rest: Rest
  #held: HeldDocument | null = null
  /** Of the newest life of a store that was adopted, here or by the process that left the last good document. */
  #newest: { epoch: string; revision: number } | null = null
  #pastEpochs: string[] = []
  /** The next poll asks for everything: what is held is not what the server believes. */
  #isFull = true
  #refusal: Refusal | null = null
  /** Why the policies held now are not in force; '' where they are. */
  #policyRefusal: Refusal | null = null
  #covered: ReadonlySet<string> = new Set()
  #parked: { readonly poll: Poll; readonly stop: AbortController } | null = null
  #isClosed = false

  constructor(options: DocumentWatchOptions) {
    this.#options = options
    this.#backoff = new BackoffRounds(options.client.size, options.random)
    this.#rest = new Rest(options.clock)
  }

  get pastEpochs(): readonly string[] {
    return this.#pastEpochs
  }

  /** What a process before this one had seen: older lives and revisions are refused from the start. */
  remember(version: string, revision: number, pastEpochs: readonly string[]): void {
    this.#newest = { epoch: epochOf(version), revision }
    this.#pastEpochs = [...pastEpochs].slice(-mostPastEpochs)
  }

  /** Polls until `close`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      const poll = this.#next()
      const restMs = await this.#poll(poll)
      if (restMs > 0 && !this.#isClosed) await this.#rest.take(restMs)
    }
  }

  /** There is one service more to ask for: a poll that is parked is given up, and asked anew with it. */
  askForMore(): void {
    // One that is fresh itself is about to be answered: given up, its answer would be lost to the server's memory of what it has told.
    if (this.#parked !== null && !this.#parked.poll.isFresh) this.#parked.stop.abort(moreToAsk)
  }

  close(): void {
    this.#isClosed = true
    this.#parked?.stop.abort(new Error('closed'))
    this.#rest.end()
  }

  #next(): Poll {
    const uses = this.#options.owner.uses()
    const after = this.#isFull || this.#held === null ? null : this.#held.version
    const isFresh = after === null || uses.some((name) => !this.#covered.has(name))
    return { after, uses, isFresh, startedAt: this.#options.clock.now() }
  }

  /** One poll; returns how long to rest after it. */
  async #poll(poll: Poll): Promise<number> {
    const { client, clock, counts, owner } = this.#options
    const stop = new AbortController()
    let answer: ControlAnswer | null = null
    this.#parked = { poll, stop }
    try {
      const limitMs = poll.isFresh ? freshLimitMs : parkedLimitMs
      answer = await client.ask({
        method: 'GET',
        path: pollPath(this.#options, { ...poll, refusal: this.#refusal ?? this.#policyRefusal }),
        limitMs,
        signal: stop.signal,
      })
      this.#parked = null
      const news = await this.#take(poll, answer)
      if (this.#isClosed) return 0
      this.#backoff.succeeded()
      counts.poll(news ? 'changed' : 'unchanged')
      const now = clock.now()
      return this.#pace.after(news || poll.isFresh || now - poll.startedAt >= shortestParkMs, now)
    } catch (error) {
      this.#parked = null
      if (this.#isClosed) return 0
      if (error === moreToAsk) {
        counts.poll('abandoned')
        return this.#pace.after(true, clock.now())
      }
      const failure = error instanceof ControlFailure ? error : new ControlFailure('garbage', (error as Error).message)
      if (answer !== null) client.moveOn(answer.address)
      // What the server told in an answer that was lost, it will not tell again; what it said wrongly from here, it may say rightly from the start.
      if (poll.isFresh || answer !== null || failure.status !== 0) this.#isFull = true
      counts.poll('failed')
      const restMs = this.#backoff.failed()
      owner.failed(failure, restMs > 0)
      return restMs
    }
  }

  /** Takes an answer; true where it brought news. @throws ControlFailure where it cannot be used */
  async #take(poll: Poll, { status, headers, body }: ControlAnswer): Promise<boolean> {
    if (status === 204) return this.#takeNothing(poll, headers['zerohop-version'])
    if (status !== 200) throw new ControlFailure('status', `the answer is ${status}, where 200 or 204 is expected`, { status })
    const answer = readAnswer(body)
    const newEpoch = this.#judge(poll, answer)
    if (newEpoch === null) {
      this.#isFull = true
      return false
    }
    const wanted = new Set(['defaults', this.#options.service, ...poll.uses])
    const base = poll.after === null || newEpoch ? null : this.#held
    const document = await laidOver(base, answer, (service) => wanted.has(service))
    if (this.#isClosed) return false
    if (document === null) {
      if (poll.after === null) throw new ControlFailure('wrong_hash', 'a full answer does not hold all the sections that it names')
      this.#isFull = true
      return false
    }
    const news = this.#held === null || newEpoch || differ(this.#held, document)
    this.#adopt(document, newEpoch)
    this.#cover(poll, document)
    return news
  }

  /** True for a new life of the store, false for the one that is known, null where only a full answer can tell. */
  #judge(poll: Poll, { version, revision }: Answer): boolean | null {
    const epoch = epochOf(version)
    const newest = this.#newest
    if (newest === null) return false
    if (epoch !== newest.epoch) {
      if (!this.#pastEpochs.includes(epoch)) return true
      throw this.#refused(version, new ControlFailure('older_epoch', `version ${version} is of an epoch that was left behind`))
    }
    if (revision < newest.revision) {
      const sentence = `revision ${revision} is older than ${newest.revision}, which is applied here`
      throw this.#refused(version, new ControlFailure('older_revision', sentence))
    }
    const goesBack = this.#held !== null && epochOf(this.#held.version) === epoch && indexOf(version) < indexOf(this.#held.version)
    return goesBack && poll.after !== null ? null : false
  }

  #refused(version: string, failure: ControlFailure): ControlFailure {
    this.#refusal = { version, reason: failure.message }
    return failure
  }

  #takeNothing(poll: Poll, header: string | string[] | undefined): boolean {
    const held = this.#held
    if (poll.after === null || held === null)
      throw new ControlFailure('garbage', 'the answer is 204 to a poll that asked for everything', { status: 204 })
    const version = versionSchema.safeParse(header)
    // Something that is not in this document may have moved the version; asked for later, the old one might be too old.
    if (version.success && version.data !== held.version) {
      if (epochOf(version.data) === epochOf(held.version) && indexOf(version.data) > indexOf(held.version)) {
        this.#held = { ...held, version: version.data }
      } else this.#isFull = true
    }
    this.#cover(poll, this.#held as HeldDocument)
    return false
  }

  #adopt(document: HeldDocument, newEpoch: boolean): void {
    const { owner } = this.#options
    const reason = owner.adopt(document, newEpoch)
    const before = this.#policyRefusal
    this.#policyRefusal = reason === '' ? null : before?.reason === reason ? before : { version: document.version, reason }
    this.#refusal = null
    if (newEpoch && this.#newest !== null) this.#pastEpochs = [...this.#pastEpochs, this.#newest.epoch].slice(-mostPastEpochs)
    this.#newest = { epoch: epochOf(document.version), revision: document.revision }
    this.#held = document
    this.#isFull = false
  }

  #cover(poll: Poll, document: HeldDocument): void {
    this.#covered = new Set(poll.uses)
    this.#options.owner.answered(poll.uses, document)
  }
}
