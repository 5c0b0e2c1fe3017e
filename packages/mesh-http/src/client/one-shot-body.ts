/** A request body that can be read only once, kept until it is too long to keep, so that a short one can be sent again. */
import type { Call } from '@zerohop/mesh-core/transport'

// What the fetch standard lets a user agent keep of a stream for a second attempt.
const mostKept = 64 * 1024

/** What a stream or an async iterable yields. */
export type BodyChunk = Uint8Array | string

/** Shares one source among the attempts of a call. Only one attempt reads at a time. */
export class OneShotBody {
  /** What the source threw; null while it is well. */
  failure: { readonly error: unknown } | null = null
  readonly #source: AsyncIterator<BodyChunk>
  #kept: Uint8Array[] = []
  #keptBytes = 0
  #ended = false
  #pulling = false
  #reading = 0
  #wake: (() => void) | null = null

  constructor(source: AsyncIterator<BodyChunk>) {
    this.#source = source
  }

  /** The body from its first byte, for one attempt; whoever read before stops. */
  open(call: Call): AsyncIterable<Uint8Array> {
    this.stop()
    return this.#read(call, this.#reading)
  }

  /** The attempt is over: nothing more is read for it. */
  stop(): void {
    this.#reading++
    this.#wakeUp()
  }

  /** The call is over: the source is told, and nothing is kept. */
  close(): void {
    this.stop()
    this.#kept = []
    if (this.#ended) return
    this.#ended = true
    this.#source.return?.().then(undefined, () => {})
  }

  async *#read(call: Call, reading: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; ) {
      if (reading !== this.#reading) return
      const chunk = this.#kept[at]
      if (chunk !== undefined) {
        at++
        if (!call.replayable) {
          this.#kept.splice(0, at)
          at = 0
        }
        yield chunk
      } else if (this.failure !== null) throw this.failure.error
      else if (this.#ended) return
      else await this.#more(call)
    }
  }

  #more(call: Call): Promise<void> {
    const more = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    // A pull that an earlier attempt began is still under way: its chunk comes to this one.
    if (!this.#pulling) void this.#pull(call)
    return more
  }

  async #pull(call: Call): Promise<void> {
    this.#pulling = true
    try {
      const { done, value } = await this.#source.next()
      if (done) this.#ended = true
      else this.#keep(call, value)
    } catch (error) {
      this.failure ??= { error }
    }
    this.#pulling = false
    this.#wakeUp()
  }

  #keep(call: Call, value: BodyChunk): void {
    if (!(value instanceof Uint8Array) && typeof value !== 'string') {
      throw new TypeError(`init.body: a stream must yield Uint8Array or strings, not ${value === null ? 'null' : typeof value}`)
    }
    const chunk = typeof value === 'string' ? Buffer.from(value) : value
    if (chunk.byteLength === 0 || this.#ended) return
    this.#keptBytes += chunk.byteLength
    if (this.#keptBytes > mostKept) call.replayable = false
    this.#kept.push(chunk)
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
