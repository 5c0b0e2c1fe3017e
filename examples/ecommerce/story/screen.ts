/** Where the story is told: lines that stay, and on a terminal a few below them that are redrawn. */
import type { WriteStream } from 'node:tty'

/** A stream of lines. */
export class Screen {
  readonly #out: NodeJS.WriteStream
  #liveLines = 0

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  /** True on a terminal, where live numbers make sense. */
  get isLive(): boolean {
    return this.#out.isTTY === true
  }

  /** A line that stays. */
  line(text = ''): void {
    this.#clear()
    this.#out.write(`${text}\n`)
  }

  /** Replaces the live lines; does nothing where this is no terminal. */
  live(lines: readonly string[]): void {
    if (!this.isLive) return
    this.#clear()
    // Cut to the width: a line that wraps could not be taken back.
    const width = (this.#out as WriteStream).columns || 80
    for (const text of lines) this.#out.write(`${text.slice(0, width - 1)}\n`)
    this.#liveLines = lines.length
  }

  #clear(): void {
    if (this.#liveLines > 0) this.#out.write(`\u001b[${this.#liveLines}F\u001b[J`)
    this.#liveLines = 0
  }
}
