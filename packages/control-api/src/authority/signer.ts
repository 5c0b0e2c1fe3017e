/** Gives jobs to the thread that signs, one after the other, and starts the thread anew where it dies. */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import { SealBroken } from './key-seal.ts'
import { RequestRefused } from './request-refused.ts'
import type { DeskSettings, JobAnswer, JobKind, SigningJob, SigningJobs } from './signing-job.ts'

interface Waiting {
  readonly job: SigningJob
  readonly resolve: (value: SigningJobs[JobKind]['gives']) => void
  readonly reject: (error: Error) => void
  /** How many threads died of it, or with it. */
  deaths: number
}

/** At a hundred a second, ten seconds of waiting: who comes later than that has given up by then. */
export const mostWaiting = 1000
// A job takes some milliseconds, the first one of a thread the time of scrypt, too.
const longestJobMs = 30_000
// A job that was there when two threads died is likely the reason.
const mostDeaths = 2
// As source it is run as it is, built it lies beside this file: under the same ending either way.
const script = new URL(`./signing-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** The queue in front of one thread. */
export class Signer {
  readonly #settings: DeskSettings
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #current: Waiting | null = null
  #watchdog: { cancel(): void } | null = null
  #worker: Worker | null = null
  #isClosed = false

  constructor(settings: DeskSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  /** @throws RequestRefused, SealBroken */
  do<K extends JobKind>(job: SigningJob<K>): Promise<SigningJobs[K]['gives']> {
    if (this.#isClosed) return Promise.reject(closed())
    // The authority's own jobs are few, and everything else rests on them: strangers cannot keep them out.
    const isOfStranger = job.kind === 'leaf' || job.kind === 'judge'
    if (isOfStranger && this.#waiting.length >= mostWaiting) {
      return Promise.reject(new RequestRefused('busy', `${mostWaiting} certificate requests wait already: try again in some seconds.`))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job: job as SigningJob, resolve: resolve as Waiting['resolve'], reject, deaths: 0 })
      this.#next()
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watchdog?.cancel()
    const left = this.#current === null ? this.#waiting : [this.#current, ...this.#waiting]
    for (const { reject } of left) reject(closed())
    this.#current = null
    this.#waiting.length = 0
    await this.#worker?.terminate()
  }

  #next(): void {
    if (this.#current !== null) return
    const next = this.#waiting.shift()
    if (next === undefined) {
      // Nothing is under way: it must not keep the process alive.
      this.#worker?.unref()
      return
    }
    this.#current = next
    this.#worker ??= this.#start()
    this.#worker.ref()
    this.#worker.postMessage(next.job)
    this.#watchdog = this.#clock.setTimer(longestJobMs, () => void this.#worker?.terminate())
  }

  #start(): Worker {
    // Neither the environment nor what the program was started with is the business of the thread that holds the keys.
    const worker = new Worker(script, { workerData: this.#settings, env: {}, execArgv: [], name: 'zerohop-authority' })
    worker.on('message', (answer: JobAnswer) => this.#answered(answer))
    let reason: unknown
    // Without a listener the error would end the process, too.
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', () => this.#died(reason))
    return worker
  }

  #answered(answer: JobAnswer): void {
    const done = this.#current
    if (done === null) return
    this.#watchdog?.cancel()
    this.#current = null
    if (answer.ok) done.resolve(answer.value)
    else if (answer.code === 'sealed') done.reject(new SealBroken(answer.sentence))
    else done.reject(new RequestRefused(answer.code, answer.sentence))
    this.#next()
  }

  #died(reason: unknown): void {
    this.#worker = null
    this.#watchdog?.cancel()
    if (this.#isClosed) return
    const lost = this.#current
    this.#current = null
    if (lost !== null) {
      lost.deaths += 1
      if (lost.deaths < mostDeaths) this.#waiting.unshift(lost)
      else
        lost.reject(new RequestRefused('failed', `The thread that signs ended ${mostDeaths} times over this request.`, { cause: reason }))
    }
    this.#next()
  }
}

function closed(): RequestRefused {
  return new RequestRefused('closed', 'The authority ends: ask another time.')
}
