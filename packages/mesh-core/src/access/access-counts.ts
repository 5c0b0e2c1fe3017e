/** Who called in plaintext, who was turned away, and who would have been: what metrics and `explain` show. */
import type { Call } from '../kernel/call.ts'
import { CallerCounts } from './caller-counts.ts'
import { type RefusalReason, refusalReasons } from './refusal.ts'

const longestShown = 256

/** One per mesh; it outlives every policy. */
export class AccessCounts {
  /** Callers in plaintext, where they could have come by mutual TLS. */
  readonly plaintext = new CallerCounts()
  /** Who was turned away, by the reason. */
  readonly refused = countsByReason()
  /** Who would have been, were the rules not only tried. */
  readonly wouldRefuse = countsByReason()

  /** A call in plaintext was let in, or will be judged by the rules. */
  cameInPlaintext(call: Call): void {
    this.plaintext.add(hostOf(call), call.startedAt)
  }

  turnedAway(call: Call, reason: RefusalReason): void {
    this.refused[reason].add(callerName(call), call.startedAt)
  }

  wouldBeTurnedAway(call: Call, reason: RefusalReason): void {
    this.wouldRefuse[reason].add(callerName(call), call.startedAt)
  }
}

/** How a caller is called: the name of a service, else its SPIFFE ID, else the address from which it called. */
export function callerName(call: Call): string {
  const { caller } = call
  if (caller === null) return hostOf(call)
  return (caller.service || caller.spiffeId).slice(0, longestShown)
}

const mapped = '::ffff:'

// An IPv4 address as a socket of both kinds shows it.
function hostOf({ from }: Call): string {
  if (from === '') return 'unknown'
  return from.startsWith(mapped) ? from.slice(mapped.length) : from
}

function countsByReason(): Readonly<Record<RefusalReason, CallerCounts>> {
  return Object.fromEntries(refusalReasons.map((reason) => [reason, new CallerCounts()])) as Record<RefusalReason, CallerCounts>
}
