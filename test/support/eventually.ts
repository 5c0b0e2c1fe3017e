/** Waits for a condition, never for a time. */
import { setTimeout as pause } from 'node:timers/promises'

/** Resolves once `condition` holds. @throws Error naming `what` where it does not within `withinMs` (default 20 s) */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  for (const endAt = performance.now() + withinMs; !(await condition()); await pause(5)) {
    if (performance.now() > endAt) throw new Error(`still not so after ${withinMs} ms: ${what}`)
  }
}
