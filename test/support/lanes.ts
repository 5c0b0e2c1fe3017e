/** A closed load: so many calls at once, each lane beginning the next when its last one has ended. */

/** Does `work(n)` for each n below `count`, `lanes` of them at a time; rejects with the first error. */
export async function inLanes(count: number, lanes: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun < count) await work(begun++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

// A load whose every call fails at once would otherwise never let go of the process.
const mostFailures = 1000

/** A load that goes on until it is told to end, or until a thousand calls have failed. */
export class SteadyLoad implements AsyncDisposable {
  /** Calls that have ended well. */
  done = 0
  /** What the calls that did not end well say. */
  readonly failures: string[] = []
  #ending = false
  readonly #ended: Promise<unknown>

  /** Begins at once, with `lanes` calls under way; `work` rejects where its call failed. */
  constructor(lanes: number, work: (n: number) => Promise<unknown>) {
    let begun = 0
    const lane = async (): Promise<void> => {
      while (!this.#ending && this.failures.length < mostFailures) {
        try {
          await work(begun++)
          this.done++
        } catch (error) {
          const { message, cause } = error as Error
          this.failures.push(cause instanceof Error ? `${message}: ${cause.message}` : message)
        }
      }
    }
    this.#ended = Promise.all(Array.from({ length: lanes }, lane))
  }

  /** Lets what is under way end, and begins nothing more. */
  async end(): Promise<void> {
    this.#ending = true
    await this.#ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }
}
