/** The section `access` of a policy, as a schema: who may call a service, and how its connections are secured. */
import { z } from 'zod'
import { longestName, nameForm, nameRule } from './name-form.ts'
import { readSpiffeId } from './spiffe-id.ts'

// Each request is compared with every rule, and each rule with every other when a policy is read: together these bound both.
const mostRules = 64
const mostCallers = 256
const mostOthers = 64
const mostHeaders = 16
const longestSpiffeId = 2048
const longestPath = 1024

/** Anybody who proved an identity, whoever it is. */
export const anyIdentity = '*'

const callerForm = new RegExp(`^(\\*|${nameForm.source.slice(1, -1)}|spiffe://[a-z0-9._-]{1,255}(/(?!\\.{1,2}(/|$))[a-zA-Z0-9._-]+)+)$`)

const callerSchema = z
  .string()
  .max(longestSpiffeId, `a SPIFFE ID has at most ${longestSpiffeId} characters`)
  .regex(callerForm, { error: ({ input }) => callerProblem(String(input)) })
  .refine((text) => text.startsWith('spiffe://') || text.length <= longestName, `a name has at most ${longestName} characters`)

function callerProblem(text: string): string {
  if (text.includes('*')) return 'a caller is a whole name or SPIFFE ID, or `*` alone for everybody who proved an identity'
  if (!/^spiffe:/i.test(text)) return nameRule
  const reading = readSpiffeId(text)
  if (!reading.ok) return `this is no SPIFFE ID: ${reading.problem}`
  return 'this SPIFFE ID names a trust domain, and callers have a path in theirs'
}

const methodSchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'expected a method such as "POST", or the name of a gRPC method')
  // Silence would be a hole in the wall: methods are compared as they are sent, and these are sent in capitals.
  .refine((method) => !/^(get|head|post|put|delete|patch|options|trace|connect|query)$/.test(method), {
    error: ({ input }) => `methods are compared as they are sent: write \`${String(input).toUpperCase()}\``,
  })

const pathForm = /^\/(?!.*\/\/)(?!\/)(?!(.*\/)?\.{1,2}(\/|$))[!"$&-)+-:<->@-[\]-~]*\*?$/

const pathSchema = z
  .string()
  .max(longestPath, `a path has at most ${longestPath} characters`)
  .regex(pathForm, { error: ({ input }) => pathProblem(String(input)) })

function pathProblem(path: string): string {
  if (!path.startsWith('/')) return 'a path begins with "/"'
  if (/\*./.test(path)) return 'a `*` stands at the end of a path, for all that begin so, and nowhere else'
  if (/[?#]/.test(path)) return 'a rule sees the path alone, without query and fragment'
  return 'a request never has this as its whole path, or is refused for it: "//", dot segments, "%", ";", "\\", spaces and whatever else must be encoded; write what stands before it, with `*` at the end'
}

const headerMatchSchema = z.union(
  [
    z.strictObject({ exact: z.string().max(4096).describe('The whole value.') }),
    z.strictObject({ prefix: z.string().min(1).max(4096).describe('What the value begins with.') }),
    z.strictObject({ present: z.boolean().describe('Whether there is such a header at all.') }),
  ],
  { error: 'expected one of `exact`, `prefix`, `present`' },
)

/** A list that names something. */
function some<S extends z.ZodType>(item: S, most: number) {
  return z.array(item).min(1, 'expected at least one; leave the field out for any').max(most, `expected at most ${most}`)
}

const ruleSchema = z
  .strictObject({
    from: some(callerSchema, mostCallers)
      .optional()
      .describe(
        'Callers: services by name, SPIFFE IDs, or `*` for everybody who proved an identity. Default: anybody, who calls in plaintext too.',
      ),
    methods: some(methodSchema, mostOthers).optional().describe('As they are sent: `POST`, or the name of a gRPC method. Default: any.'),
    paths: some(pathSchema, mostOthers)
      .optional()
      .describe(
        'Without the query; exact, or with a `*` at the end for all that begin so. A gRPC path is `/package.Service/Method`. Default: any.',
      ),
    headers: z
      .record(z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,256}$/, 'expected the name of a header, in lower case'), headerMatchSchema)
      .refine((headers) => Object.keys(headers).length > 0, 'expected at least one header; leave the field out for any')
      .refine((headers) => Object.keys(headers).length <= mostHeaders, `expected at most ${mostHeaders} headers`)
      .optional()
      .describe('What headers, or metadata of gRPC, must be. They prove nothing: a caller writes what it likes. Default: any.'),
  })
  .refine((rule) => Object.keys(rule).length > 0, 'expected at least one of `from`, `methods`, `paths`, `headers`')

function rules() {
  return z.array(ruleSchema).max(mostRules, `expected at most ${mostRules} rules`).optional()
}

/** Who may call a service, and how its connections are secured. */
export const accessSchema = z.strictObject({
  mtls: z
    .enum(['disabled', 'permissive', 'strict'])
    .optional()
    .describe(
      '`permissive`: plaintext and mutual TLS on the same port. `strict`: mutual TLS only, on both sides. `disabled`: plaintext only. Default `permissive`.',
    ),
  deny: rules().describe(
    'Refused, whatever `allow` says. Letter case and a slash at the end of paths do not matter; `GET` stands for `HEAD` too.',
  ),
  allow: rules().describe('Let in. Letter case of paths matters.'),
  default: z
    .enum(['allow', 'deny'])
    .optional()
    .describe('What becomes of a call of which no rule speaks. Default: `deny` where there are `allow` rules, else `allow` (Istio).'),
  dryRun: z
    .boolean()
    .optional()
    .describe('Counts what `deny`, `allow` and `default` would refuse, and refuses nothing. `mtls` holds all the same.'),
})
