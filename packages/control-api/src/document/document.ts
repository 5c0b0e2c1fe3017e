/** Puts a client's document together: what changed for it, and the hashes of all of it. */
import type { Interest } from './interest.ts'
import type { Part } from './part.ts'
import type { ServiceSections } from './service-sections.ts'

/** A piece that many answers share, or text of one answer alone. */
export type PieceOfAnswer = Part | string

/** Whose document, and since when. */
export interface DocumentAsk {
  readonly interest: Interest
  readonly level: number
  /** The index of the document that the client holds; -1 for none. */
  readonly after: number
  /** What that document was about; null for none. */
  readonly held: Interest | null
  readonly version: string
  readonly revision: number
}

/** The answer's JSON in pieces. */
export function documentOf(ask: DocumentAsk): PieceOfAnswer[] {
  const { interest, level, after, held } = ask
  const hashes: string[] = []
  const unknown: string[] = []
  const policies: PieceOfAnswer[] = []
  const endpoints: PieceOfAnswer[] = []

  const addPolicy = (sections: ServiceSections, isHeld: boolean): void => {
    if (sections.policy === null) return
    const { hash, part } = sections.policy.at(level)
    hashes.push(`"policy/${sections.name}":"${hash}"`)
    if (!isHeld || sections.policyAt > after) add(policies, sections.name, part)
  }

  addPolicy(interest.defaults, held !== null)
  addPolicy(interest.own, held !== null)
  for (const sections of interest.uses) {
    const isHeld = held?.has(sections.name) === true
    if (sections !== interest.own) addPolicy(sections, isHeld)
    if (!sections.isKnown) {
      unknown.push(`"${sections.name}"`)
      continue
    }
    hashes.push(`"endpoints/${sections.name}":"${sections.endpointsHash}"`)
    if (!isHeld) add(endpoints, sections.name, sections.wholeList())
    else if (sections.endpointsAt > after) add(endpoints, sections.name, sections.listSince(after))
  }
  const trust = interest.trustAt(level)
  if (trust !== null) hashes.push(`"trust":"${trust.hash}"`)
  const trustPieces = trust === null || (held !== null && trust.at <= after) ? [] : [',"trust":', trust.part]
  const head = `{"version":"${ask.version}","schema":${level},"revision":${ask.revision},"sections":{${hashes.join(',')}},"policies":{`
  return [head, ...policies, '},"endpoints":{', ...endpoints, '}', ...trustPieces, `,"unknown":[${unknown.join(',')}]}`]
}

function add(to: PieceOfAnswer[], name: string, part: Part): void {
  to.push(to.length === 0 ? `"${name}":` : `,"${name}":`, part)
}
