/** Sees to it that nothing of a run is left behind, however it ends. */

/** What a run leaves behind unless somebody takes it away. */
export interface Leftovers {
  /** Takes everything away in good order. */
  close(): Promise<void>
  /** Takes everything away at once and without waiting: what can be done while the process is going down. */
  drop(): void
}

// 128 + the number of the signal, as shells report it.
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** The end of this process, by its own will, by a signal or by a crash. */
export class Ending {
  readonly #leftovers: Leftovers
  #isEnding = false
  #awaited: (() => void) | null = null

  constructor(leftovers: Leftovers) {
    this.#leftovers = leftovers
    for (const [signal, code] of Object.entries(exitCodes)) process.on(signal, () => this.#interrupt(code))
    process.on('uncaughtException', (error) => {
      console.error(error)
      void this.end(1)
    })
    // The reader of a pipe left (`| head`): nobody listens to the story any more.
    process.stdout.on('error', () => this.end(1))
    process.on('exit', () => leftovers.drop())
  }

  /** Ends the process in good order; asked a second time, at once. */
  async end(code: number): Promise<never> {
    if (this.#isEnding) process.exit(code)
    this.#isEnding = true
    await this.#leftovers.close().catch((error: unknown) => console.error(error))
    process.exit(code)
  }

  /** Resolves at the next signal, which then does not end the process by itself. */
  signal(): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = resolve
    })
  }

  #interrupt(code: number): void {
    const awaited = this.#awaited
    this.#awaited = null
    if (awaited === null) void this.end(code)
    else awaited()
  }
}
