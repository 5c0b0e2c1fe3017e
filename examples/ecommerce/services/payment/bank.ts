/** The bank behind payment: it takes its time, and on a bad day very much of it. */
import { Problem } from '../../web/problem.ts'

// An ordinary answer of the bank.
const ordinaryMs = 5

/** The line to the bank. */
export class Bank {
  #delayMs = ordinaryMs
  readonly #waiting = new Set<() => void>()

  /** From now on the bank answers `ms` later than it should; 0 heals it, and whoever waits is answered. */
  slowDown(ms: number): void {
    this.#delayMs = ordinaryMs + ms
    if (ms === 0) for (const proceed of [...this.#waiting]) proceed()
  }

  /** Waits for the bank's word. @throws Problem where the caller leaves first */
  confirm(left: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(proceed)
        left.removeEventListener('abort', leave)
        settle()
      }
      const proceed = (): void => end(resolve)
      const leave = (): void => end(() => reject(new Problem(499, 'the caller left before the bank answered')))
      const timer = setTimeout(proceed, this.#delayMs)
      this.#waiting.add(proceed)
      left.addEventListener('abort', leave)
      if (left.aborted) leave()
    })
  }
}
