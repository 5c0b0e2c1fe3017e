/** The messages that a scripted service receives: kept from the first on, and read by whoever wants them as they come. */

/** One per call. */
export class IncomingMessages implements AsyncIterable<Buffer> {
  readonly #messages: Buffer[] = []
  #isEnded = false
  #more = Promise.withResolvers<void>()

  /** The first one; null where none has come. */
  get first(): Buffer | null {
    return this.#messages[0] ?? null
  }

  /** Resolves once the first message is there, or the end of them. */
  async begun(): Promise<void> {
    if (this.#messages.length === 0 && !this.#isEnded) await this.#more.promise
  }

  /** True where `begun` would not wait. */
  get hasBegun(): boolean {
    return this.#isEnded || this.#messages.length > 0
  }

  push(message: Buffer): void {
    this.#messages.push(message)
    this.#tell()
  }

  /** No more will come. */
  end(): void {
    this.#isEnded = true
    this.#tell()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let at = 0; ; at++) {
      while (at >= this.#messages.length) {
        if (this.#isEnded) return
        await this.#more.promise
      }
      yield this.#messages[at] as Buffer
    }
  }

  #tell(): void {
    const { resolve } = this.#more
    this.#more = Promise.withResolvers<void>()
    resolve()
  }
}
