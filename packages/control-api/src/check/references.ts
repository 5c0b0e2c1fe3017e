/** What a policy names and the mesh does not have: calls sent there would all fail, and callers named there never come. */
import {
  anyIdentity,
  didYouMean,
  effectivePolicy,
  type FieldPath,
  formatPath,
  type PolicyDocument,
  type VersionPolicy,
} from '@zerohop/mesh-core/policy'
import type { FieldProblem } from './field-problem.ts'
import type { KnownInstance, MeshView } from './mesh-view.ts'

/** A service's document, or none, laid over the defaults. */
export interface Subject {
  readonly service: string
  readonly defaults: PolicyDocument | null
  readonly document: PolicyDocument | null
}

/** A reference that leads nowhere. */
export interface MissingReference extends FieldProblem {
  /** The way to the field within the document. */
  readonly keys: FieldPath
}

/** The service itself, and the versions that get calls. */
export function missingReferences(subject: Subject, meshView: MeshView): MissingReference[] {
  const { service, document } = subject
  if (document?.external === true) return []
  if (meshView.instancesOf(service).length === 0) {
    const message = `no instance of \`${service}\` holds a lease; start one first, or write \`external: true\` if it lives in another registry`
    return [missing(service, ['service'], message)]
  }
  return missingTargets(subject, meshView)
}

/** Versions that get calls and have no instance to take them. */
export function missingTargets({ service, defaults, document }: Subject, meshView: MeshView): MissingReference[] {
  const instances = meshView.instancesOf(service)
  if (document?.external === true || instances.length === 0) return []
  const { versions, to } = effectivePolicy(service, defaults, document).policy
  return (to ?? []).flatMap(({ version, weight }, index) => {
    const wanted = versions[version]
    // A share of 0 is how one makes ready for a version that is still to come.
    if (weight === 0 || wanted === undefined || instances.some((instance) => carries(instance, wanted))) return []
    const message = `no instance of \`${service}\` carries the labels of version \`${version}\` (${labelsOf(wanted)}), so that its share of the calls would fail; ${presentVersions(instances)}`
    return [missing(service, ['to', index, 'version'], message)]
  })
}

/** Services that the control API has heard of in any way. */
export interface KnownServices {
  has(service: string): boolean
  all(): Iterable<string>
}

// Looking for the name that was meant costs time for every name there is.
const mostHints = 5

/** Callers that access rules name, and that nobody has heard of: most likely a slip of the pen, and in a rule that refuses a hole. */
export function missingCallers({ service, document }: Pick<Subject, 'service' | 'document'>, known: KnownServices): MissingReference[] {
  const { access, external } = document ?? {}
  // Whoever calls a service of another registry may well live there, too.
  if (access === undefined || external === true) return []
  const found: MissingReference[] = []
  for (const list of ['deny', 'allow'] as const) {
    for (const [rule, { from = [] }] of (access[list] ?? []).entries()) {
      for (const [at, caller] of from.entries()) {
        if (caller === anyIdentity || caller.startsWith('spiffe://') || known.has(caller)) continue
        const hint = found.length < mostHints ? didYouMean(caller, [...known.all()]) : ''
        const message = `no service \`${caller}\` is known: none of its instances holds a lease or polls, and it has no policy${hint}`
        found.push(missing(service, ['access', list, rule, 'from', at], message))
      }
    }
  }
  return found
}

/** Versions that are declared, get no calls yet, and have no instance: most likely a slip of the pen. */
export function idleVersions({ service, defaults, document }: Subject, meshView: MeshView): string[] {
  const instances = meshView.instancesOf(service)
  if (document?.external === true || instances.length === 0) return []
  const { versions, to } = effectivePolicy(service, defaults, document).policy
  return Object.entries(versions)
    .filter(([name, wanted]) => {
      const isServed = to?.some(({ version, weight }) => version === name && weight > 0) ?? false
      return !isServed && !instances.some((instance) => carries(instance, wanted))
    })
    .map(([name, wanted]) => `${service}.versions.${name}: no instance carries its labels (${labelsOf(wanted)}); it gets no calls yet`)
}

function missing(service: string, keys: FieldPath, message: string): MissingReference {
  return { path: formatPath([service, ...keys]), keys, message }
}

function carries({ endpoint }: KnownInstance, { labels }: VersionPolicy): boolean {
  return Object.entries(labels).every(([name, value]) => endpoint.labels[name] === value)
}

function labelsOf({ labels }: VersionPolicy): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}

const mostShown = 5

function presentVersions(instances: readonly KnownInstance[]): string {
  const counts = new Map<string, number>()
  for (const { endpoint } of instances) {
    const text = labelsOf(endpoint) || 'no labels'
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  const shown = [...counts].slice(0, mostShown).map(([text, count]) => `${count} with ${text}`)
  const rest = counts.size > mostShown ? ` and ${counts.size - mostShown} other kinds` : ''
  return `there are ${shown.join('; ')}${rest}`
}
