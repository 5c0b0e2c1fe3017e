/** The order in which a mesh ends: servers first, so that what they still serve can make its calls; then everything else. */
import type { Closable } from './mesh-face.ts'

// What forces its own end at `graceMs` needs a moment to do so.
const forcingMs = 1000

/** What a mesh closes with itself. */
export class Lifecycle {
  closing = false
  readonly #servers = new Set<Closable>()
  readonly #clients = new Set<Closable>()
  #closed: Promise<void> | null = null

  /** Ties `thing` to the end; to an end that has come already it is given at once. */
  add(thing: Closable, order: 'server' | 'client'): void {
    if (this.closing) void endAll([thing], 0)
    else if (order === 'server') this.#servers.add(thing)
    else this.#clients.add(thing)
  }

  /** Ends everything once; called again, it answers with the same end. */
  close(graceMs: number, last: () => Promise<void>): Promise<void> {
    this.closing = true
    this.#closed ??= this.#end(graceMs, last)
    return this.#closed
  }

  async #end(graceMs: number, last: () => Promise<void>): Promise<void> {
    const started = performance.now()
    await endAll(this.#servers, graceMs)
    await endAll(this.#clients, Math.max(0, graceMs - (performance.now() - started)))
    await within(forcingMs, last())
  }
}

// One that fails to close, or never ends, must not keep the others open.
async function endAll(things: Iterable<Closable>, graceMs: number): Promise<void> {
  await within(graceMs + forcingMs, Promise.allSettled([...things].map(async (thing) => thing.close(graceMs))))
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  timer.unref()
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
