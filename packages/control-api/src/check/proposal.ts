/** What a writer of policies wants, read from a text: which documents, and where in the text each of their fields stands. */
import { type FieldPath, formatPath, type Position, readYaml, type TextDocument } from '@zerohop/mesh-core/policy'
import type { FieldProblem } from './field-problem.ts'

/** A document as it was written, and the service that it is about; `defaults` is a service here. */
export interface ProposedDocument {
  readonly service: string
  /** Null: the document is to go. */
  readonly document: Readonly<Record<string, unknown>> | null
  /** The revision that the writer saw: as `PolicyChange` says. */
  readonly expected?: number
  /** Where a field stands in what was sent; absent where nothing was sent. */
  readonly locate?: (path: FieldPath, atKey: boolean) => Position
}

/** The documents, or why they cannot be read. */
export type ProposalReading =
  | { readonly ok: true; readonly documents: readonly ProposedDocument[] }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] }

/** What the document is called that is about all services. */
export const defaultsName = 'defaults'

// Of what is no YAML at all each character can be wrong.
const mostProblems = 100

interface Part {
  readonly value: unknown
  readonly locate: (path: FieldPath, atKey: boolean) => Position
}

/**
 * Reads one or more documents, YAML or JSON; a JSON array holds several.
 * @param maxBytes a longer text is refused before it is parsed
 */
export function readProposal(text: string, maxBytes: number): ProposalReading {
  const { documents, problems } = readYaml(text, maxBytes)
  const told = problems.slice(0, mostProblems).map((problem) => ({ path: '', message: `${problem.text}${placeOf(problem)}` }))
  if (told.length > 0) return refused(...told)
  const parts = documents.filter(({ blank }) => !blank).flatMap(partsOf)
  if (parts.length === 0) return refused({ path: '', message: 'the body holds no document' })
  const found: ProposedDocument[] = []
  for (const [index, { value, locate }] of parts.entries()) {
    if (!isFields(value))
      return refused({ path: `document ${index + 1}`, message: `expected a map of fields${placeOf(locate([], false))}` })
    const { service } = value
    if (service === defaultsName) {
      const message = 'no service can have this name: the document without `service` holds the defaults'
      return refused({ path: formatPath([defaultsName, 'service']), message: message + placeOf(locate(['service'], false)) })
    }
    // A service whose name is no text is the schema's to refuse: it goes through under a name that no policy has.
    const name = service === undefined ? defaultsName : typeof service === 'string' ? service : `document ${index + 1}`
    found.push({ service: name, document: value, locate })
  }
  const names = found.map(({ service }) => service)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return refused({ path: formatPath([twice]), message: 'there are two documents for it; a service has one' })
  return { ok: true, documents: found }
}

/** Reads the one document of a service: `service` in it may be left out, and must not be another. */
export function readDocumentOf(service: string, text: string, maxBytes: number): ProposalReading {
  const reading = readProposal(text, maxBytes)
  if (!reading.ok) return reading
  const [only, second] = reading.documents
  if (only === undefined || second !== undefined) return refused({ path: '', message: 'expected one document, found several' })
  if (service === defaultsName || only.document?.service !== undefined) {
    const isRight = only.service === service
    const message = `this is a policy of \`${only.service.slice(0, 253)}\`, and was sent as the one of \`${service}\``
    return isRight ? reading : refused({ path: formatPath([service, 'service']), message })
  }
  return { ok: true, documents: [{ ...only, service, document: { service, ...only.document } }] }
}

/** ` (line 3, column 7)`, the end of a sentence about what stands there. */
export function placeOf({ line, column }: Position): string {
  return ` (line ${line}, column ${column})`
}

function partsOf(document: TextDocument): Part[] {
  const { value } = document
  if (!Array.isArray(value)) return [{ value, locate: (path, atKey) => document.locate(path, atKey) }]
  return value.map((item, index) => ({ value: item, locate: (path, atKey) => document.locate([index, ...path], atKey) }))
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(...problems: FieldProblem[]): ProposalReading {
  return { ok: false, problems }
}
