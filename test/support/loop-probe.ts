/** How long the event loop of this process was not free for anything else. */

/** What a probe has seen since it was last asked. */
export interface LoopSeen {
  /** The longest stretch of processor time that the main thread used between two ticks: what this process itself did in one go. */
  readonly busyMs: number
  /** The longest time between two ticks, by the clock: with it, what the machine did in between. */
  readonly gapMs: number
}

const everyMs = 1

/** Ticks each millisecond, and keeps the process alive. */
export class LoopProbe {
  #usedAt = usedMs()
  #tickedAt = performance.now()
  #busyMs = 0
  #gapMs = 0

  constructor() {
    setInterval(() => this.#tick(), everyMs)
  }

  /** What was seen; begins anew. */
  take(): LoopSeen {
    this.#tick()
    const seen = { busyMs: this.#busyMs, gapMs: this.#gapMs }
    this.#busyMs = 0
    this.#gapMs = 0
    return seen
  }

  #tick(): void {
    const used = usedMs()
    const now = performance.now()
    this.#busyMs = Math.max(this.#busyMs, used - this.#usedAt)
    this.#gapMs = Math.max(this.#gapMs, now - this.#tickedAt - everyMs)
    this.#usedAt = used
    this.#tickedAt = now
  }
}

function usedMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
