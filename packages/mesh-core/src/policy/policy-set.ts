/** All policies that are in force together, and the revision that names them. */
import { createHash } from 'node:crypto'
import type { PolicyDocument } from './schema.ts'

/** A whole set of policies: adopted as one, refused as one. */
export interface PolicySet {
  /** 12 hex digits that depend on the content alone: not on comments, order or the way in which durations are written. */
  readonly revision: string
  /** What holds for all services unless their own document says otherwise; null for none. */
  readonly defaults: PolicyDocument | null
  /** Documents by the name of their service. */
  readonly services: ReadonlyMap<string, PolicyDocument>
}

/** Makes a set of checked documents and names its revision. */
export function policySet(defaults: PolicyDocument | null, services: ReadonlyMap<string, PolicyDocument>): PolicySet {
  const content = canonical({ defaults, services: Object.fromEntries(services) })
  return { revision: createHash('sha256').update(content).digest('hex').slice(0, 12), defaults, services }
}

/** JSON with the keys of every map in the order of the alphabet. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
