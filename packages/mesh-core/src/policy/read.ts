/** Reads policies from text or from code: the whole set, or everything that is wrong with it, and never an exception. */
import { type Complaint, checked, formatPath, mostComplaints } from './complaints.ts'
import { contradictions } from './contradictions.ts'
import { plainData } from './plain-data.ts'
import { type PolicySet, policySet } from './policy-set.ts'
import { documentSchema, nameSchema, type PolicyDocument, type PolicyDocumentInput } from './schema.ts'
import { shown } from './units.ts'
import { type Position, readYaml } from './yaml-text.ts'

/** YAML text (JSON is YAML; several documents are parted by `---`), or one or more documents as values. */
export type WrittenPolicies = string | PolicyDocumentInput | readonly PolicyDocumentInput[]

/** One problem as programs take it: the sentence's parts. */
export interface PolicyProblem extends Complaint {
  /** The service, `defaults`, or the document's number where neither is known; '' where the text is no document. */
  readonly document: string
}

/** The whole set, or every problem: as a sentence with its place, and in the same order in its parts. */
export type PolicyReading =
  | { readonly ok: true; readonly set: PolicySet }
  | { readonly ok: false; readonly problems: readonly string[]; readonly details: readonly PolicyProblem[] }

const maxBytes = 1_048_576
const longestProblem = 400

/**
 * Reads policies, from whoever wrote them: the source is checked, whatever it is.
 * @param source as `WrittenPolicies` says
 * @param origin where they come from, as problems name it: a file's path, `createMesh({ policy })`
 */
export function readPolicies(source: unknown, origin: string): PolicyReading {
  const reading = new Reading(origin)
  try {
    if (typeof source === 'string') reading.readText(source)
    else reading.readValues(source)
    return reading.finish()
  } catch (error) {
    const text = `cannot be read: ${error instanceof Error ? error.message : String(error)}`
    return { ok: false, problems: [`${origin}: ${text}`], details: [{ document: '', ...whole(text) }] }
  }
}

/** One document on its way from what was written to what was understood. */
interface Candidate {
  readonly value: unknown
  /** How problems call it: the service, `defaults`, or its number where neither is known. */
  readonly name: string
  readonly locate: ((path: Complaint['path'], atKey: boolean) => Position) | null
}

interface Told {
  readonly position: Position
  readonly problem: PolicyProblem
}

interface Accepted {
  readonly candidate: Candidate
  readonly document: PolicyDocument
}

class Reading {
  readonly #origin: string
  readonly #problems = new Map<string, Told>()
  #isCut = false
  readonly #accepted = new Map<string, Accepted>()
  readonly #refused = new Set<string>()

  constructor(origin: string) {
    this.#origin = origin
  }

  readText(text: string): void {
    const { documents, problems } = readYaml(text, maxBytes)
    for (const problem of problems) this.#tell(problem, { document: '', ...whole(problem.text) })
    // A file without content is a set without policies: what a mounted, still empty file should mean.
    if (documents.length === 1 && documents[0]?.blank) return
    for (const [index, document] of documents.entries()) {
      if (document.readable) this.#take(document.value, index, (path, atKey) => document.locate(path, atKey))
      else this.#refused.add(nameOf(document.value, index))
    }
  }

  readValues(source: unknown): void {
    for (const [index, written] of (Array.isArray(source) ? source : [source]).entries()) {
      const { value, complaints } = plainData(written)
      if (complaints.length === 0) this.#take(value, index, null)
      else this.#refuse({ value, name: nameOf(value, index), locate: null }, complaints)
    }
  }

  finish(): PolicyReading {
    const defaults = this.#accepted.get('')?.document ?? null
    // Against defaults that could not be read, every document might be wrong or right; one without a name may be them.
    const judgeable = ![...this.#refused].some((name) => name === defaultsName || name.startsWith(unnamed))
    for (const { candidate, document } of this.#accepted.values()) {
      if (judgeable) this.#complain(candidate, contradictions(document, document === defaults ? null : defaults))
    }
    if (this.#problems.size > 0) return { ok: false, ...this.#told() }
    const services = new Map<string, PolicyDocument>()
    for (const [service, { document }] of this.#accepted) if (service !== '') services.set(service, document)
    return { ok: true, set: policySet(defaults, services) }
  }

  #take(value: unknown, index: number, locate: Candidate['locate']): void {
    const candidate: Candidate = { value, name: nameOf(value, index), locate }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return this.#refuse(candidate, [whole(`expected a document, a map of fields, found ${value === null ? 'nothing' : shown(value)}`)])
    if (Object.keys(value).length === 0) return this.#refuse(candidate, [whole('the document is empty: it sets nothing')])
    const result = checked(documentSchema, value)
    if (!result.ok) return this.#refuse(candidate, result.complaints)
    const service = result.value.service ?? ''
    if (!this.#accepted.has(service)) this.#accepted.set(service, { candidate, document: result.value })
    else if (service === '') this.#refuse(candidate, [whole('a second document without `service`: the defaults are one document')])
    else this.#complain(candidate, [{ path: ['service'], atKey: false, text: `a second document for \`${service}\`; a service has one` }])
  }

  #refuse(candidate: Candidate, complaints: readonly Complaint[]): void {
    this.#refused.add(candidate.name)
    this.#complain(candidate, complaints)
  }

  #complain(candidate: Candidate, complaints: readonly Complaint[]): void {
    for (const complaint of complaints) {
      // Places are looked up for what is told only: a hostile text has a hundred thousand problems.
      if (this.#problems.size >= mostComplaints) this.#isCut = true
      else this.#tell(candidate.locate?.(complaint.path, complaint.atKey) ?? nowhere, { document: candidate.name, ...complaint })
    }
  }

  #tell(position: Position, problem: PolicyProblem): void {
    const place = position === nowhere ? this.#origin : `${this.#origin}:${position.line}:${position.column}`
    const text = problem.document === '' ? problem.text : `${formatPath([problem.document, ...problem.path])}: ${problem.text}`
    const sentence = `${place}: ${text.length > longestProblem ? `${text.slice(0, longestProblem)}...` : text}`
    if (this.#problems.size >= mostComplaints) this.#isCut = true
    else this.#problems.set(sentence, { position, problem })
  }

  /** What was found, in the order of the text. */
  #told(): { problems: string[]; details: PolicyProblem[] } {
    const sorted = [...this.#problems].sort(([, { position: a }], [, { position: b }]) => a.line - b.line || a.column - b.column)
    const problems = sorted.map(([sentence]) => sentence)
    if (this.#isCut) problems.push(`${this.#origin}: only ${mostComplaints} problems are listed, there are more`)
    return { problems, details: sorted.map(([, { problem }]) => problem) }
  }
}

const nowhere: Position = { line: 0, column: 0 }
const unnamed = 'document '
const defaultsName = 'defaults'

function nameOf(value: unknown, index: number): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${unnamed}${index + 1}`
  const { service } = value as { service?: unknown }
  if (service === undefined) return defaultsName
  return nameSchema.safeParse(service).success ? (service as string) : `${unnamed}${index + 1}`
}

function whole(text: string): Complaint {
  return { path: [], atKey: false, text }
}
