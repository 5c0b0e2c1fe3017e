/** What a writer demands of the policy that is there now: `If-Match` and `If-None-Match`. */
import type { PolicyStore } from '../store/policy-store.ts'
import type { ApiRequest } from './operation.ts'
import { RequestProblem } from './problem.ts'

/** The revision that must be there, as `PolicyChange` says. @throws RequestProblem for a header that cannot be understood */
export function expectedBy({ headers, params }: ApiRequest, policies: PolicyStore): { readonly expected?: number } {
  const match = headers['if-match']
  const noneMatch = headers['if-none-match']
  if (match !== undefined && noneMatch !== undefined) throw badHeader('if-match', 'it and `if-none-match` exclude each other')
  if (noneMatch !== undefined) {
    if (noneMatch !== '*') throw badHeader('if-none-match', 'a write takes `*` only: write where there is none')
    return { expected: 0 }
  }
  if (match === undefined) return {}
  const found = policies.get(params.service as string)?.revision
  if (match === '*') {
    if (found === undefined)
      throw new RequestProblem(412, 'stale_revision', { message: `There is no policy of ${params.service} to replace.` })
    return { expected: found }
  }
  const revision = /^"([1-9]\d{0,15})"$/.exec(String(match))?.[1]
  if (revision === undefined) throw badHeader('if-match', 'expected one ETag as it was given, such as "42" with its quotes, or `*`')
  return { expected: Number(revision) }
}

function badHeader(path: string, message: string): RequestProblem {
  return new RequestProblem(400, 'bad_header', { message: `A header is wrong: ${path}: ${message}.`, problems: [{ path, message }] })
}
