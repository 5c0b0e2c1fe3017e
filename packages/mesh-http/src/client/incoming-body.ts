/** The body of an answer on its way from the wire to whoever reads it, with at most so much held in between. */

// Two full reads of a socket: enough that a reader in step never waits, little enough that a thousand unread bodies are bearable.
const mostHeld = 128 * 1024

/** What the wire does for a body that is on its way. */
export interface BodyFeed {
  /** Too much is held: send no more for now. May be called while a chunk is being pushed. */
  pauseBody(): void
  /** There is room again. */
  resumeBody(): void
  /** Nobody will read the rest. */
  abandonBody(): void
}

/** Bytes pushed by a wire, taken by one reader. */
export class IncomingBody {
  /** True once the last byte was pushed. */
  ended = false
  /** Why the body broke off; null while it has not. */
  failure: { readonly error: unknown } | null = null
  readonly #feed: BodyFeed
  #chunks: Uint8Array[] = []
  #held = 0
  #paused = false
  #collecting = false
  #wake: (() => void) | null = null

  constructor(feed: BodyFeed) {
    this.#feed = feed
  }

  /** True where nothing is held. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0
  }

  /** True while the wire has been asked to hold back. */
  get paused(): boolean {
    return this.#paused
  }

  push(chunk: Uint8Array): void {
    if (this.failure !== null || this.ended) return
    this.#chunks.push(chunk)
    this.#held += chunk.byteLength
    if (this.#collecting) return
    if (this.#held >= mostHeld && !this.#paused) {
      this.#paused = true
      this.#feed.pauseBody()
    }
    this.#wakeUp()
  }

  end(): void {
    if (this.failure !== null) return
    this.ended = true
    this.#wakeUp()
  }

  /** The rest will not come; what is held may no longer be taken either, for the whole would not be whole. */
  fail(error: unknown): void {
    if (this.ended || this.failure !== null) return
    this.failure = { error }
    this.#chunks = []
    this.#held = 0
    this.#wakeUp()
  }

  /** Everything that is held, and out of here. */
  take(): Uint8Array[] {
    const chunks = this.#chunks
    this.#chunks = []
    this.#held = 0
    return chunks
  }

  /** Lets the wire go on, where it was held back and there is room now. More may be here when this returns, and be the last. */
  resume(): void {
    if (!this.#paused || this.#held >= mostHeld) return
    this.#paused = false
    this.#feed.resumeBody()
  }

  /** Resolves when something changed: bytes to take, the end, or a failure. */
  more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** Resolves to all chunks once the last one is here; rejects with what broke the body off. */
  async collect(): Promise<Uint8Array[]> {
    if (!this.ended && this.failure === null) {
      // Whoever wants the whole needs it in memory: holding the wire back would only make it wait for ever.
      this.#collecting = true
      if (this.#paused) {
        this.#paused = false
        this.#feed.resumeBody()
      }
      if (!this.ended && this.failure === null) await this.more()
    }
    if (this.failure !== null) throw this.failure.error
    return this.take()
  }

  /** Nobody will read the rest: lets the wire stop. */
  abandon(): void {
    this.take()
    if (!this.ended && this.failure === null) this.#feed.abandonBody()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
