/** What a policy is for clients that read an older level of its schema. */
import { createHash } from 'node:crypto'
import { grpcStatusNames, schemaLevel } from '@zerohop/mesh-core/policy'
import { Part } from './part.ts'

type Fields = Readonly<Record<string, unknown>>

/** Fields of a document that came after level 1, each with the level that brought it; those within a section by their path. */
const levelOfField: Readonly<Record<string, number>> = {
  external: 2,
  slowStart: 3,
  zones: 3,
  health: 3,
  access: 4,
  'connections.maxAge': 4,
  'health.grpc': 4,
  ...Object.fromEntries(grpcStatusNames.map((name) => [`codes.${name}`, 4])),
}

// What would be left of the section says nothing, and clients refuse that: those that do not know the field are told that the section is off.
const offWithout: readonly string[] = ['health.grpc']

/** A document as clients of one level are sent it. */
export interface PolicyText {
  /** Of `text`; clients compare it and need not know how it is made. */
  readonly hash: string
  readonly part: Part
}

/** One policy at all levels. */
export class LeveledPolicy {
  readonly document: Fields
  /** The lowest level at which nothing is missing. */
  readonly fullFrom: number
  readonly #texts: (PolicyText | undefined)[] = []

  constructor(document: Fields) {
    this.document = document
    this.fullFrom = Math.max(1, ...Object.keys(levelOfField).map((path) => (holds(document, path) ? (levelOfField[path] as number) : 1)))
  }

  /** @param level of the client; above the newest it counts as the newest */
  at(level: number): PolicyText {
    const effective = Math.min(level, this.fullFrom, schemaLevel)
    this.#texts[effective] ??= written(effective < this.fullFrom ? without(this.document, effective) : this.document)
    return this.#texts[effective]
  }
}

function holds(document: Fields, path: string): boolean {
  const [section = '', field] = path.split('.')
  if (field === undefined) return Object.hasOwn(document, section)
  const value = document[section]
  return isFields(value) && Object.hasOwn(value, field)
}

/** The document without the fields that `level` does not know. */
function without(document: Fields, level: number): Fields {
  const knows = (path: string): boolean => (levelOfField[path] ?? 1) <= level
  const kept = Object.entries(document).filter(([section]) => knows(section))
  return Object.fromEntries(
    kept.map(([section, value]) => {
      if (!isFields(value)) return [section, value]
      if (offWithout.some((path) => holds({ [section]: value }, path) && !knows(path))) return [section, false]
      return [section, Object.fromEntries(Object.entries(value).filter(([field]) => knows(`${section}.${field}`)))]
    }),
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function written(document: Fields): PolicyText {
  const text = JSON.stringify(document)
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { hash, part: new Part(`{"hash":"${hash}","document":${text}}`) }
}
