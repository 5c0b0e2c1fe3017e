/** The index of a blocking query: what to ask with next, and whether the registry has gone back in time. */

/** What an answer's index says. */
export interface IndexNews {
  /** True where it is lower than the last one: a snapshot was restored, or everything was lost. */
  readonly wentBack: boolean
  /** False where there is none: the next question is answered at once, and must not be asked at once. */
  readonly isUsable: boolean
}

/** One per service that is followed. */
export class BlockingIndex {
  #next = 0
  #last = 0

  /** The index to ask with; 0 asks for an answer at once. */
  get next(): number {
    return this.#next
  }

  /** Takes the header of an answer. */
  take(header: unknown): IndexNews {
    const told = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : 0
    if (told === 0) {
      this.#next = 0
      return { wentBack: false, isUsable: false }
    }
    const wentBack = told < this.#last
    this.#last = told
    // What went back is asked for anew: the answer that said so may be of a server that lags behind the others.
    this.#next = wentBack ? 0 : told
    return { wentBack, isUsable: true }
  }

  /** The question failed: the next one is not to wait. Or an agent that lost its state meanwhile would wait for an index that is far ahead of it. */
  failed(): void {
    this.#next = 0
  }
}
