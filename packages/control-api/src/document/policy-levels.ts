/** What a policy is for clients that read an older level of its schema. */
import { createHash } from 'node:crypto'
import { schemaLevel } from '@zerohop/mesh-core/policy'
import { Part } from './part.ts'

/** Fields of a document that came after level 1, each with the level that brought it. */
const levelOfField: Readonly<Record<string, number>> = { external: 2, slowStart: 3, zones: 3, health: 3 }

/** A document as clients of one level are sent it. */
export interface PolicyText {
  /** Of `text`; clients compare it and need not know how it is made. */
  readonly hash: string
  readonly part: Part
}

/** One policy at all levels. */
export class LeveledPolicy {
  readonly document: Readonly<Record<string, unknown>>
  /** The lowest level at which nothing is missing. */
  readonly fullFrom: number
  readonly #texts: (PolicyText | undefined)[] = []

  constructor(document: Readonly<Record<string, unknown>>) {
    this.document = document
    this.fullFrom = Math.max(1, ...Object.keys(document).map((field) => levelOfField[field] ?? 1))
  }

  /** @param level of the client; above the newest it counts as the newest */
  at(level: number): PolicyText {
    const effective = Math.min(level, this.fullFrom, schemaLevel)
    this.#texts[effective] ??= written(effective < this.fullFrom ? without(this.document, effective) : this.document)
    return this.#texts[effective]
  }
}

/** The document without the fields that `level` does not know. */
function without(document: Readonly<Record<string, unknown>>, level: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(document).filter(([field]) => (levelOfField[field] ?? 1) <= level))
}

function written(document: Readonly<Record<string, unknown>>): PolicyText {
  const text = JSON.stringify(document)
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { hash, part: new Part(`{"hash":"${hash}","document":${text}}`) }
}
