/** Asks Consul for one part of an identity again and again: each question waits there until the answer is another one. */
import { BackoffRounds, type Clock, type Random, Rest } from '@zerohop/mesh-core/transport'
import { BlockingIndex } from './blocking-index.ts'
import { askConnect, type ConnectPart } from './connect-request.ts'
import type { ConsulClient } from './consul-client.ts'

export interface ConnectLoopOptions {
  readonly part: ConnectPart
  /** What Consul calls the service of this process. */
  readonly service: string
  readonly client: ConsulClient
  readonly clock: Clock
  readonly random: Random
  /** Takes the body of an answer. What it throws is a failure of whoever gave it. */
  readonly took: (body: unknown) => void
  /** Told why there was no answer, or none that can be used. */
  readonly failed: (problem: string) => void
}

const waitMs = 30_000
// Consul adds up to a sixteenth of the wait, and the answer takes its time.
const limitMs = waitMs + waitMs / 16 + 5000
// No answer, however wrong its index, makes the loop spin.
const leastRestMs = 100
const restWithoutIndexMs = 5000
const capMs = 4000

/** One for the leaf and one for the roots. */
export class ConnectLoop {
  readonly #options: ConnectLoopOptions
  readonly #index = new BlockingIndex()
  readonly #backoff: BackoffRounds
  readonly #rest: Rest
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null

  constructor(options: ConnectLoopOptions) {
    this.#options = options
    this.#backoff = new BackoffRounds(options.client.size, options.random, capMs)
    this.#rest = new Rest(options.clock)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Asks for what there is now, beside the question that waits. Never rejects. */
  async askNow(): Promise<void> {
    await this.#ask(0)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#rest.end()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const restMs = await this.#ask(this.#index.next)
      if (!signal.aborted) await this.#rest.take(restMs)
    }
  }

  /** Asks once; returns how long to rest. */
  async #ask(index: number): Promise<number> {
    const { part, service, client, took, failed } = this.#options
    const { signal } = this.#stop
    const blocking = index === 0 ? {} : { index: String(index), wait: `${waitMs}ms` }
    try {
      const { body, headers, address } = await client.ask({
        send: (consul, common) => askConnect(consul, part, { service, ...blocking, ...common }),
        limitMs,
        signal,
      })
      if (signal.aborted) return 0
      try {
        took(body)
      } catch (error) {
        client.moveOn(address)
        throw new Error(`${address}: ${part}: ${(error as Error).message}`)
      }
      this.#backoff.succeeded()
      return this.#index.take(headers['x-consul-index']).isUsable ? leastRestMs : restWithoutIndexMs
    } catch (error) {
      if (signal.aborted) return 0
      this.#index.failed()
      failed((error as Error).message)
      return this.#backoff.failed()
    }
  }
}
