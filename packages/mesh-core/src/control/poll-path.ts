/** How a poll is written: what this client has, wants, reads, and could not use. */
import { schemaLevel } from '../policy/exchange.ts'

/** Who polls. */
export interface PollerName {
  readonly service: string
  readonly instance: string
  /** The version of this package. */
  readonly sdk: string
}

/** What was refused, as the next polls report it. */
export interface Refusal {
  readonly version: string
  readonly reason: string
}

/** What one poll says. */
export interface PollContent {
  /** The version that is held; null asks for everything. */
  readonly after: string | null
  readonly uses: readonly string[]
  readonly refusal: Refusal | null
}

/** How long the control API may hold a poll back. */
export const waitMs = 55_000
const longestReason = 500

/** The path and query of a poll. */
export function pollPath({ service, instance, sdk }: PollerName, { after, uses, refusal }: PollContent): string {
  const query = new URLSearchParams({ instance, schema: String(schemaLevel), wait: `${waitMs / 1000}s`, sdk })
  if (uses.length > 0) query.set('uses', uses.join(','))
  if (after !== null) query.set('after', after)
  if (refusal !== null) {
    query.set('refused', refusal.version)
    query.set('reason', refusal.reason.slice(0, longestReason))
  }
  return `/v1/documents/${service}?${query.toString().replaceAll('%2C', ',')}`
}
