/** One form for everything that changes: discovery, policy, identity. */

/** A value that changes, read at any time and followed by whoever subscribes. */
export interface Watch<T> {
  /** The newest value; undefined while none has come yet. */
  readonly current: T | undefined
  /** Calls `listener` on every change from now on; returns how to stop. */
  subscribe(listener: (value: T) => void): () => void
}

/**
 * A Watch that its owner sets. A listener that throws is reported and harms no other; the last value that a listener hears is `current`.
 */
export class WatchSource<T> implements Watch<T> {
  current: T | undefined
  readonly #listeners = new Set<(value: T) => void>()

  constructor(initial?: T) {
    this.current = initial
  }

  subscribe(listener: (value: T) => void): () => void {
    // Wrapped, so that the same function subscribed twice is two subscriptions.
    const own = (value: T): void => listener(value)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** Publishes a new value to everybody. */
  set(value: T): void {
    this.current = value
    for (const listener of [...this.#listeners]) {
      // A listener before this one has published a newer value, which everybody has heard, or has stopped this one.
      if (!Object.is(this.current, value)) return
      if (!this.#listeners.has(listener)) continue
      try {
        listener(value)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /** How many listen: a test asks that it returns to zero. */
  get listeners(): number {
    return this.#listeners.size
  }
}
