/** Whether a server may get new work: what the mesh knows, and what the application says when it is asked. */
import type { Clock } from '../kernel/clock.ts'

/** What is asked. */
export interface ReadinessOptions {
  /** Why this process must get no new work; '' where it may. */
  readonly unready: () => string
  /** The application's own word; null for none. */
  readonly readiness: (() => boolean | Promise<boolean>) | null
  readonly clock: Clock
}

// Below the usual patience of whoever asks, so that the answer says why.
const readinessMs = 3000

/** One per server. */
export class Readiness {
  readonly #options: ReadinessOptions
  // One check at a time, however many ask: a check that hangs must not pile up.
  #checking: Promise<string> | null = null

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** Why this server must get no new work, in a sentence; '' where it may. Not a promise where nobody needs to be asked. Never rejects. */
  ask(): string | Promise<string> {
    const unready = this.#options.unready()
    const { readiness } = this.#options
    if (unready !== '' || readiness === null) return unready
    this.#checking ??= this.#check(readiness).finally(() => {
      this.#checking = null
    })
    return this.#checking
  }

  async #check(readiness: () => boolean | Promise<boolean>): Promise<string> {
    const { promise: late, resolve } = Promise.withResolvers<string>()
    const timer = this.#options.clock.setTimer(readinessMs, () => resolve(`the readiness check gave no answer within ${readinessMs} ms`))
    const asked = (async () => ((await readiness()) === true ? '' : 'the readiness check said no'))()
    const why = await Promise.race([asked.catch(() => 'the readiness check failed'), late])
    timer.cancel()
    return why
  }
}
