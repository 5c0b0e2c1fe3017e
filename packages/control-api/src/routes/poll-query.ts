/** What a poll may say of itself in its URL, and what is wrong with one that says something else. */
import { checked, formatPath, instanceIdSchema, nameSchema, parseDuration, versionSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { defaultsName } from '../document/catalog.ts'
import type { Poll } from '../document/poll.ts'
import { RequestProblem } from './problem.ts'

const mostUses = 1000
const longestWaitMs = 300_000
const longestReason = 500

/** The name of a service that polls, leases or is used: `defaults` is none. */
export const serviceNameSchema = nameSchema.refine((name) => name !== defaultsName, '`defaults` are no service')

/** Parameters of a poll. Others are ignored: a newer client may say more than this version understands. */
export const pollQuerySchema = z.object({
  instance: instanceIdSchema.describe('Names the process; the same for all its life.'),
  after: versionSchema.optional().describe('The version that the client holds and has applied; absent for none.'),
  schema: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'expected the level of a schema, a whole number from 1')
    .transform(Number)
    .describe('The newest level of the policy schema that the client reads.'),
  uses: z
    .string()
    .transform((list, context) => namesOf(list, context))
    .default([])
    .describe(`The services that the client uses, joined by commas; at most ${mostUses}.`),
  wait: z
    .string()
    .transform((text, context) => waitOf(text, context))
    .default(0)
    .describe('How long the answer may be waited for: `55s`; at most 5m; absent: not at all.'),
  sdk: z.string().max(64, 'expected at most 64 characters').default('').describe("The version of the client's package."),
  refused: versionSchema.optional().describe('The version whose policies the client refused; what it held before stays.'),
  reason: z.string().max(longestReason, `expected at most ${longestReason} characters`).default('').describe('Why it refused them.'),
})

/**
 * Reads a poll.
 * @param service as the path names it
 * @param query what follows the `?`, undecoded
 * @throws RequestProblem that names each wrong parameter
 */
export function readPoll(service: string, query: string): Poll {
  const given: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (!Object.hasOwn(pollQuerySchema.shape, name)) continue
    if (given[name] !== undefined) throw wrong([{ path: name, message: 'the parameter is given twice' }])
    given[name] = value
  }
  const result = checked(pollQuerySchema, given)
  if (!result.ok) throw wrong(result.complaints.map(({ path, text }) => ({ path: formatPath(path), message: text })))
  const { instance, after, schema, uses, wait, sdk, refused, reason } = result.value
  return {
    service,
    instance,
    after: after ?? null,
    schema,
    uses,
    waitMs: wait,
    sdk,
    refused: refused === undefined ? null : { version: refused, reason },
  }
}

function wrong(problems: readonly { readonly path: string; readonly message: string }[]): RequestProblem {
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return new RequestProblem(400, 'bad_parameter', { message: `A parameter is wrong: ${first?.path}: ${first?.message}${more}.`, problems })
}

function namesOf(list: string, context: z.RefinementCtx): string[] {
  if (list === '') return []
  const names = list.split(',', mostUses + 1)
  if (names.length > mostUses) context.addIssue({ code: 'custom', message: `expected at most ${mostUses} names`, input: list })
  else {
    const bad = names.find((name) => !serviceNameSchema.safeParse(name).success)
    if (bad !== undefined) {
      context.addIssue({ code: 'custom', message: `${JSON.stringify(bad.slice(0, 60))} is no name of a service`, input: list })
    }
  }
  return names
}

function waitOf(text: string, context: z.RefinementCtx): number {
  const ms = parseDuration(text)
  if (ms !== null && ms <= longestWaitMs) return ms
  context.addIssue({ code: 'custom', message: 'expected a duration such as "55s", at most "5m"', input: text })
  return 0
}
