/** Keeps the poll loop from spinning: news is followed at once, ten times a second at most; polls that bring none are paused after, ever longer. */

// A burst of two, as Consul's clients have it; then one each 100 ms, the time within which a control API gathers changes.
const burst = 2
const refillMs = 100
const firstEmptyMs = 500
const longestEmptyMs = 15_000

/** One per poll loop. */
export class PollPace {
  #tokens = burst
  #filledAt = 0
  #empty = 0

  /**
   * A poll has ended well: how long to wait before the next one.
   * @param news false where it came back early and without news: what a broken server or proxy does for ever
   */
  after(news: boolean, now: number): number {
    if (!news) {
      this.#empty++
      return Math.min(longestEmptyMs, firstEmptyMs * 2 ** Math.min(this.#empty - 1, 10))
    }
    this.#empty = 0
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) / refillMs)
    this.#filledAt = now
    this.#tokens -= 1
    return this.#tokens >= 0 ? 0 : -this.#tokens * refillMs
  }
}
