/** Parts of the section `access` that contradict each other, or could never act. */
import { isDeepStrictEqual } from 'node:util'
import { anyIdentity } from './access-schema.ts'
import { atValue, type Complaint } from './complaints.ts'
import type { PolicyDocument } from './schema.ts'

type Access = NonNullable<PolicyDocument['access']>
type Rule = NonNullable<Access['allow']>[number]

const lists = ['deny', 'allow'] as const

/**
 * Judges what a document says of access, by what would hold with it.
 * @param all the document over its defaults
 */
export function accessContradictions({ service, access: written }: PolicyDocument, { access: held }: PolicyDocument): Complaint[] {
  if (written === undefined || held === undefined) return []
  return [
    ...ofDefault(written, held),
    ...ofCallers(written, held),
    ...lists.flatMap((list) => (written[list] ?? []).flatMap((rule, at) => ofLists(rule, ['access', list, at]))),
    ...ofShadows(written, held),
    // Defaults may set the trial for rules that each service writes itself.
    ...(service === undefined ? [] : ofTrial(written, held)),
  ]
}

function ofDefault({ allow }: Access, held: Access): Complaint[] {
  if (allow === undefined) return []
  if (allow.length === 0 && held.default === undefined) {
    return [atValue(['access', 'allow'], 'an empty list lets nobody in, or everybody: write `default: deny` or `default: allow` with it')]
  }
  if (allow.length === 0 || held.default !== 'allow') return []
  return [atValue(['access', 'allow'], 'could never act, for `default: allow` lets in whomever no rule names; leave one of them out')]
}

function ofCallers(written: Access, held: Access): Complaint[] {
  if (held.mtls !== 'disabled') return []
  const found: Complaint[] = []
  for (const list of lists) {
    for (const [at, { from }] of (held[list] ?? []).entries()) {
      if (from === undefined) continue
      const rule = `access.${list}[${at}]`
      if (written[list] !== undefined) {
        found.push(atValue(['access', list, at, 'from'], 'could never match, for with `mtls: disabled` nobody proves who they are'))
      } else if (written.mtls !== undefined) {
        found.push(atValue(['access', 'mtls'], `with \`disabled\` nobody proves who they are, and ${rule} of the defaults asks for it`))
      }
    }
  }
  return found
}

function ofLists(rule: Rule, path: Complaint['path']): Complaint[] {
  const found: Complaint[] = []
  for (const field of ['from', 'methods', 'paths'] as const) {
    const seen = new Set<string>()
    for (const [at, one] of (rule[field] ?? []).entries()) {
      if (seen.has(one)) found.push(atValue([...path, field, at], `\`${one}\` is named twice`))
      seen.add(one)
    }
  }
  const any = rule.from?.indexOf(anyIdentity) ?? -1
  if (any >= 0 && (rule.from?.length ?? 0) > 1) {
    found.push(atValue([...path, 'from', any], '`*` is everybody who proved an identity, and needs no other name beside it'))
  }
  return found
}

function ofShadows({ allow = [] }: Access, { deny = [] }: Access): Complaint[] {
  return allow.flatMap((rule, at) => {
    const above = deny.findIndex((denial) => covers(denial, rule))
    return above < 0 ? [] : [atValue(['access', 'allow', at], `could never act, for access.deny[${above}] refuses all of it`)]
  })
}

function ofTrial({ dryRun }: Access, { deny = [], allow = [], default: otherwise }: Access): Complaint[] {
  if (dryRun !== true || deny.length > 0 || allow.length > 0 || otherwise === 'deny') return []
  return [atValue(['access', 'dryRun'], 'there is nothing to try: no `deny`, no `allow`, and no `default: deny`')]
}

/** True where `denial` speaks of every call of which `rule` speaks. */
function covers(denial: Rule, rule: Rule): boolean {
  return (
    coversCallers(denial.from, rule.from) &&
    coversMethods(denial.methods, rule.methods) &&
    (denial.paths === undefined || (rule.paths?.every((path) => denial.paths?.some((wider) => coversPath(wider, path))) ?? false)) &&
    Object.entries(denial.headers ?? {}).every(([name, match]) => isDeepStrictEqual(rule.headers?.[name], match))
  )
}

function coversCallers(denied: Rule['from'], from: Rule['from']): boolean {
  if (denied === undefined) return true
  if (from === undefined) return false
  return denied.includes(anyIdentity) || from.every((caller) => denied.includes(caller))
}

// What refuses is read widely, here as where it is judged: GET stands for HEAD as well, and neither letter case nor a slash at the end matters.
function coversMethods(denied: Rule['methods'], methods: Rule['methods']): boolean {
  if (denied === undefined) return true
  return methods?.every((method) => denied.includes(method) || (method === 'HEAD' && denied.includes('GET'))) ?? false
}

function coversPath(denied: string, path: string): boolean {
  const wider = denied.toLowerCase()
  const narrower = path.toLowerCase()
  if (!wider.endsWith('*')) return withSlash(narrower) === withSlash(wider)
  const beginning = wider.slice(0, -1)
  return narrower.startsWith(beginning) || withSlash(narrower) === beginning
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`
}
