/** What a person should know of a service's access rules that is no mistake in itself. */
import type { EffectivePolicy } from './effective.ts'

/** Each a sentence without its full stop. */
export function accessNotes({ access }: EffectivePolicy): string[] {
  const { mtls, deny, allow, otherwise, dryRun } = access
  const notes: string[] = []
  const byCaller = deny.findIndex(({ from }) => from !== null)
  const letsPlaintextIn = otherwise === 'allow' || allow.some(({ from }) => from === null)
  if (mtls === 'permissive' && byCaller >= 0 && letsPlaintextIn) {
    notes.push(`access.deny[${byCaller}] names callers, and whoever calls in plaintext evades it as long as mtls is not strict`)
  }
  if (dryRun && (deny.length > 0 || otherwise === 'deny')) {
    notes.push('access is tried only: what its rules would refuse is counted and let in')
  }
  return notes
}
