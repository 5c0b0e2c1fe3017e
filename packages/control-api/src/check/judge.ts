/** Judges policies as the clients will, and then by what they refer to. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { accessNotes, effectivePolicy, formatPath, type PolicyDocument, type PolicyProblem, readPolicies } from '@zerohop/mesh-core/policy'
import type { PolicyStore } from '../store/policy-store.ts'
import type { FieldProblem } from './field-problem.ts'
import type { MeshView } from './mesh-view.ts'
import { defaultsName, type ProposedDocument, placeOf } from './proposal.ts'
import {
  idleVersions,
  type KnownServices,
  type MissingReference,
  missingCallers,
  missingReferences,
  missingTargets,
  type Subject,
} from './references.ts'

/** What is wrong, by how bad it is. */
export interface Judgement {
  /** Clients would refuse these policies: nothing overrides that. */
  readonly bad: readonly FieldProblem[]
  /** Calls would go nowhere: whoever knows better may say so. */
  readonly unknown: readonly FieldProblem[]
  /** Odd, and harmless. */
  readonly warnings: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

const mostProblems = 100
// About 20 ms of judging, before requests that wait get their turn.
const chunk = 200

/** Judges `proposed` against what is stored. Everything stored must hold with it too: new defaults concern every service. */
export async function judge(proposed: readonly ProposedDocument[], policies: PolicyStore, meshView: MeshView): Promise<Judgement> {
  const changed = new Map(proposed.map((one) => [one.service, one]))
  const before = policies.get(defaultsName)?.document ?? null
  const defaults = changed.has(defaultsName) ? (changed.get(defaultsName)?.document ?? null) : before
  const concernsAll = !isDeepStrictEqual(before, defaults)
  const others = concernsAll ? [...policies.all()].filter(({ service }) => service !== defaultsName && !changed.has(service)) : []
  const documents: Fields[] = []
  for (const { service, document } of [...proposed, ...others]) if (service !== defaultsName && document !== null) documents.push(document)
  const reading = new JointReading(defaults, changed)
  for (let at = 0; at === 0 || at < documents.length; at += chunk) {
    if (at > 0) await nextTurn()
    reading.read(documents.slice(at, at + chunk))
    if (reading.bad.length > 0) return { bad: reading.bad.slice(0, mostProblems), unknown: [], warnings: [] }
  }
  const unknown: FieldProblem[] = []
  const warnings: string[] = []
  const known = knownServices(changed, policies, meshView)
  for (const { service, document } of proposed) {
    if (document === null) continue
    const placed = ({ path, keys, message }: MissingReference): FieldProblem => ({ path, message: message + reading.place(service, keys) })
    if (service === defaultsName) {
      unknown.push(...missingCallers({ service, document: reading.defaults }, known).map(placed))
      continue
    }
    const subject = { service, defaults: reading.defaults, document: reading.documents.get(service) ?? null }
    unknown.push(...[...missingReferences(subject, meshView), ...missingCallers(subject, known)].map(placed))
    warnings.push(...idleVersions(subject, meshView), ...odditiesOfAccess(subject))
  }
  if (concernsAll) unknown.push(...brokenByDefaults(before, { reading, changed, meshView }))
  return { bad: [], unknown: unknown.slice(0, mostProblems), warnings: warnings.slice(0, mostProblems) }
}

/** Documents read together with the defaults that would hold for them. */
class JointReading {
  readonly bad: FieldProblem[] = []
  readonly documents = new Map<string, PolicyDocument>()
  defaults: PolicyDocument | null = null
  readonly #written: Fields | null
  readonly #changed: ReadonlyMap<string, ProposedDocument>

  constructor(defaults: Fields | null, changed: ReadonlyMap<string, ProposedDocument>) {
    this.#written = defaults
    this.#changed = changed
  }

  read(documents: readonly Fields[]): void {
    const all = this.#written === null ? documents : [this.#written, ...documents]
    const reading = readPolicies(all, 'policy')
    if (!reading.ok) {
      this.bad.push(...reading.details.map((detail) => this.#fieldProblem(detail, all)))
      return
    }
    this.defaults = reading.set.defaults
    for (const [service, document] of reading.set.services) this.documents.set(service, document)
  }

  /** ` (line 3, column 7)` where the field was sent as text; '' otherwise. */
  place(service: string, path: readonly PropertyKey[], atKey = false): string {
    const position = this.#changed.get(service)?.locate?.(path, atKey)
    return position === undefined ? '' : placeOf(position)
  }

  #fieldProblem({ document, path, atKey, text }: PolicyProblem, all: readonly Fields[]): FieldProblem {
    // A document whose name is none is called by its number.
    const number = /^document (\d+)$/.exec(document)?.[1]
    const service = number === undefined ? document : String(all[Number(number) - 1]?.service)
    return { path: formatPath([service, ...path]), message: text + this.place(service, path, atKey) }
  }
}

/** What is leased, polls, or has a policy, with what is proposed. */
function knownServices(changed: ReadonlyMap<string, ProposedDocument>, policies: PolicyStore, meshView: MeshView): KnownServices {
  // Asked for only where a name is known in no other way: there may be ten thousand of them.
  let found: ReadonlySet<string> | null = null
  const polling = (): ReadonlySet<string> => {
    found ??= new Set(meshView.clientsOf(defaultsName).map(({ service }) => service))
    return found
  }
  const hasPolicy = (service: string): boolean => {
    const proposed = changed.get(service)
    return proposed === undefined ? policies.get(service) !== null : proposed.document !== null
  }
  return {
    has: (service) => hasPolicy(service) || meshView.instancesOf(service).length > 0 || polling().has(service),
    all: () =>
      new Set([...changed.keys(), ...[...policies.all()].map(({ service }) => service), ...meshView.leasedServices(), ...polling()]),
  }
}

function odditiesOfAccess({ service, defaults, document }: Subject): string[] {
  return accessNotes(effectivePolicy(service, defaults, document).policy).map((note) => `${service}: ${note}`)
}

interface Found {
  readonly reading: JointReading
  readonly changed: ReadonlyMap<string, ProposedDocument>
  readonly meshView: MeshView
}

/** Services that nobody touched, and that lose their targets because the defaults become others. */
function brokenByDefaults(before: Fields | null, { reading, changed, meshView }: Found): FieldProblem[] {
  const old = new JointReading(before, changed)
  old.read([])
  const broken: FieldProblem[] = []
  for (const service of meshView.leasedServices()) {
    if (changed.has(service)) continue
    const document = reading.documents.get(service) ?? null
    const known = new Set(missingTargets({ service, defaults: old.defaults, document }, meshView).map(({ message }) => message))
    const missing = missingTargets({ service, defaults: reading.defaults, document }, meshView)
    for (const { path, message } of missing) if (!known.has(message)) broken.push({ path, message })
    if (broken.length >= mostProblems) break
  }
  return broken
}
