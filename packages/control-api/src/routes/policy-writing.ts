/** How a change of policies goes from what was sent to what is stored, and what is said where it does not. */
import { z } from 'zod'
import { type PolicyDesk, PolicyRefused } from '../check/policy-desk.ts'
import type { ProposalReading, ProposedDocument } from '../check/proposal.ts'
import { type PolicyStore, StaleRevision } from '../store/policy-store.ts'
import type { ApiRequest } from './operation.ts'
import { RequestProblem } from './problem.ts'
import type { Writes } from './writes.ts'

/** What the operations on policies need. */
export interface PolicyParts {
  readonly desk: PolicyDesk
  readonly policies: PolicyStore
  readonly writes: Writes
}

/** `?force=true` overrides references that lead nowhere. */
export const forceQuery = z.strictObject({ force: z.enum(['true', 'false']).optional() })

/**
 * Judges and writes documents as one revision; where nothing differs, nothing is written.
 * @throws RequestProblem
 */
export async function writePolicies(
  request: ApiRequest,
  proposed: readonly ProposedDocument[],
  { desk, policies, writes, action }: PolicyParts & { readonly action: 'policy.put' | 'policy.delete' | 'policy.rollback' },
): Promise<{ readonly changed: boolean; readonly warnings: readonly string[] }> {
  const { changes, warnings, forced } = await told(() => desk.weigh(proposed, request.query.force === 'true'))
  if (changes.length === 0) return { changed: false, warnings }
  const by = request.caller?.name ?? 'nobody'
  writes.perform(request, () => {
    const revision = policies.write(changes, { by, action: action.slice('policy.'.length), forced })
    return { account: { action, subject: subjectOf(changes), forced, revision }, result: revision }
  })
  return { changed: true, warnings }
}

const mostNamed = 20

function subjectOf(changes: readonly { readonly service: string }[]): string {
  const named = changes.slice(0, mostNamed).map(({ service }) => service)
  return named.join(', ') + (changes.length > mostNamed ? ` and ${changes.length - mostNamed} more` : '')
}

/** @throws RequestProblem `bad_policy` */
export function readable(reading: ProposalReading): readonly ProposedDocument[] {
  if (reading.ok) return reading.documents
  throw asProblem(new PolicyRefused('bad_policy', reading.problems))
}

/** Runs `weigh`, whose refusals become problems of the request. */
export async function told<T>(weigh: () => Promise<T>): Promise<T> {
  try {
    return await weigh()
  } catch (error) {
    throw asProblem(error)
  }
}

function asProblem(error: unknown): unknown {
  if (error instanceof PolicyRefused) {
    return new RequestProblem(422, error.code, { message: `The policy is refused: ${error.message}.`, problems: error.problems })
  }
  if (!(error instanceof StaleRevision)) return error
  const { service, expected, found } = error
  const seen = expected === 0 ? 'there is one already' : `the write is based on revision ${expected}`
  const now = found === 0 ? 'there is none now' : `the newest is ${found}`
  return new RequestProblem(412, 'stale_revision', {
    message: `The policy of ${service} is another one by now: ${seen}, ${now}. Read it again and decide anew.`,
    headers: found === 0 ? {} : { etag: `"${found}"` },
  })
}
