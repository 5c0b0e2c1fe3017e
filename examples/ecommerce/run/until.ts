/** Waits for a condition. */
import { setTimeout as pause } from 'node:timers/promises'

const betweenMs = 40

/** Asks until `condition` holds, at most `withinMs`; says whether it held. What it throws, this throws. */
export async function until(withinMs: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const endAt = performance.now() + withinMs
  for (;;) {
    if (await condition()) return true
    if (performance.now() >= endAt) return false
    await pause(betweenMs)
  }
}
