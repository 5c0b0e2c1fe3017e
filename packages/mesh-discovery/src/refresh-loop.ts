/** Asks a registry about one service again and again, and keeps the last good answer for as long as it cannot be had. */
import type { EndpointInfo, Freshness, Watch } from '@zerohop/mesh-core'
import { BackoffRounds, type Clock, type Log, type Random, Rest } from '@zerohop/mesh-core/transport'
import { HeldEndpoints } from './held-endpoints.ts'

/** What one question brought. */
export interface Poll {
  readonly endpoints: readonly EndpointInfo[]
  /** How long the answer holds: the pause before the next question, 100 ms at the least. 0 for a registry that answers when something changes. */
  readonly restMs: number
  /** True where the registry may have lost what it knew. Default false. */
  readonly isReborn?: boolean
}

/** What a loop stands on. */
export interface RefreshOptions {
  /** The name of the source, as in `Discovery`. */
  readonly source: string
  readonly service: string
  /**
   * Asks once; ends when `signal` does. It rejects where no answer came that can be believed, with an Error whose message is the middle of a
   * sentence and begins with who was asked.
   */
  readonly poll: (signal: AbortSignal) => Promise<Poll>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Registries that a failing `poll` goes through by itself, one after the other, without a pause. Default 1. */
  readonly addresses?: number
  /** How long a full list is kept against a sudden empty one. Default 30,000 ms. */
  readonly holdEmptyMs?: number
}

// A burst of changes within this time is one update after the first: and no answer, however wrong, makes the loop spin.
const coalesceMs = 100
// Who was away for long is asked every 2 to 4 s: all are in sync within 5 s of its return.
const capMs = 4000
const mostProblems = 20

/** One per service that is followed. */
export class RefreshLoop {
  readonly #options: RefreshOptions
  readonly #held: HeldEndpoints
  readonly #title: string
  readonly #backoff: BackoffRounds
  readonly #rest: Rest
  readonly #stop = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  /** What was reported since the last good answer. */
  readonly #problems = new Set<string>()
  #running: Promise<void> | null = null
  #confirmedAt = -1
  #failures = 0

  constructor(options: RefreshOptions) {
    const { source, service, clock, log, random, addresses = 1, holdEmptyMs = 30_000 } = options
    this.#options = options
    this.#title = `${source}: ${service}`
    this.#held = new HeldEndpoints({ title: this.#title, clock, log, holdEmptyMs })
    this.#backoff = new BackoffRounds(addresses, random, capMs)
    this.#rest = new Rest(clock)
  }

  /** What callers follow. */
  get watch(): Watch<readonly EndpointInfo[]> {
    return this.#held.watch
  }

  /** How many follow it. */
  get listeners(): number {
    return this.#held.listeners
  }

  /** Begins to ask; harmless when it has begun. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves with the first answer, or when the loop is closed. */
  first(): Promise<void> {
    return this.#first.promise
  }

  /** How far the endpoints are to be believed. */
  get freshness(): Freshness {
    const { source, service, clock } = this.#options
    const ageMs = this.#confirmedAt === -1 ? -1 : clock.now() - this.#confirmedAt
    return { source, service, ageMs, failures: this.#failures, held: this.#held.held }
  }

  /** Gives the question of the moment up, and asks no more; the last endpoints stay readable. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#rest.end()
    this.#held.close()
    this.#first.resolve()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const restMs = await this.#ask(signal)
      if (!signal.aborted) await this.#rest.take(restMs)
    }
  }

  /** Asks once; returns how long to rest. */
  async #ask(signal: AbortSignal): Promise<number> {
    const { poll, clock, log } = this.#options
    try {
      const { endpoints, restMs, isReborn } = await poll(signal)
      if (signal.aborted) return 0
      this.#backoff.succeeded()
      this.#confirmedAt = clock.now()
      if (this.#problems.size > 0) log.warn(`${this.#title}: in contact again`)
      this.#problems.clear()
      this.#held.tell(endpoints, isReborn)
      this.#first.resolve()
      return Math.max(coalesceMs, restMs)
    } catch (error) {
      if (signal.aborted) return 0
      this.#failures++
      this.#report(error instanceof Error ? error.message : String(error))
      return this.#backoff.failed()
    }
  }

  #report(problem: string): void {
    if (this.#problems.has(problem) || this.#problems.size === mostProblems) return
    this.#problems.add(problem)
    const count = this.watch.current?.length
    const kept = count === undefined ? 'has no endpoints yet' : `keeps its ${count} endpoints`
    this.#options.log.warn(`${this.#title} ${kept}, and is tried again: ${problem}`)
  }
}
