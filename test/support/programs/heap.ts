/** The weight of what is alive on the heap. */
import { setImmediate as turn } from 'node:timers/promises'

/** Collects until nothing more is found; needs --expose-gc. */
export async function heapBytes(): Promise<number> {
  let lightest = Number.POSITIVE_INFINITY
  for (let round = 0; round < 6; round++) {
    // Finalizers and what they release run between collections.
    await turn()
    ;(globalThis.gc as () => void)()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    lightest = Math.min(lightest, heapUsed + arrayBuffers)
  }
  return lightest
}

/** All that the process holds in memory of its own, buffers counted wherever they count: needs --expose-gc. */
export async function heldBytes(): Promise<number> {
  await heapBytes()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}
