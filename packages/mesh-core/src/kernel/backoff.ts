/** How long to pause before trying again. */
import type { Random } from './clock.ts'

/** Bounds of a pause. */
export interface BackoffBounds {
  readonly baseMs: number
  readonly capMs: number
}

/**
 * Full jitter, as Envoy has it: before retry n a random time below min(cap, (2^n - 1) * base).
 * @param retry from 1
 */
export function backoffMs(retry: number, bounds: BackoffBounds, random: Random): number {
  const ceiling = Math.min(bounds.capMs, (2 ** retry - 1) * bounds.baseMs)
  return random() * ceiling
}
