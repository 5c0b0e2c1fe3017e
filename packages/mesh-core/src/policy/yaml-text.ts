/** Reads YAML, and so JSON, from hostile hands: plain data with the position of every field, in bounded time and memory. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { FieldPath } from './complaints.ts'
import { forbiddenKeys } from './plain-data.ts'

/** A place in the text; both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One document of the text. */
export interface TextDocument {
  /** Maps, lists, texts, numbers, booleans and null; undefined where the document is not readable. */
  readonly value: unknown
  /** True where nothing at all was written between the marks. */
  readonly blank: boolean
  /** False where the value is not what was meant, so that checking it would yield problems that are none. */
  readonly readable: boolean
  /** Where a field stands, or the nearest one above that was written. */
  locate(path: FieldPath, atKey: boolean): Position
}

/** Something that makes the text unreadable, or dangerous to read. */
export interface TextProblem extends Position {
  readonly text: string
}

/** What a text holds. */
export interface TextReading {
  readonly documents: readonly TextDocument[]
  readonly problems: readonly TextProblem[]
}

const deepest = 32
// A text of some hundred bytes can name billions of values through aliases of aliases.
const mostAliased = 10_000
// A schema that finds fault with each of half a million values would hold the process up for seconds.
const mostValues = 200_000

/**
 * Reads all documents of a text, `---` between them. Never throws.
 * @param maxBytes a longer text is refused before it is parsed
 */
export function readYaml(text: string, maxBytes: number): TextReading {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxBytes) return unreadable(`the text has ${bytes} bytes; at most ${maxBytes} are read`)
  const lines = new LineCounter()
  try {
    // Duplicate keys are found below: the parser's own search takes quadratic time.
    const parsed = parseAllDocuments(text, {
      schema: 'core',
      merge: false,
      uniqueKeys: false,
      stringKeys: true,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter: lines,
    })
    const readings = 'empty' in parsed ? [] : parsed.map((document) => new DocumentReading(document, lines))
    const outside = 'empty' in parsed ? [...parsed.errors, ...parsed.warnings].map((error) => ofError(error, lines)) : []
    return { documents: readings, problems: [...outside, ...readings.flatMap((reading) => reading.problems)] }
  } catch (error) {
    return unreadable(`the text cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function unreadable(text: string): TextReading {
  return { documents: [], problems: [{ line: 1, column: 1, text }] }
}

function ofError(error: YAMLError, lines: LineCounter): TextProblem {
  return { ...at(lines, error.pos[0]), text: `this is no valid YAML: ${error.message}` }
}

function at(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

interface Anchored {
  readonly node: Node
  readonly value: unknown
  /** How many values it stands for, aliases within it included. */
  readonly size: number
}

class DocumentReading implements TextDocument {
  readonly value: unknown
  readonly blank: boolean
  readonly problems: TextProblem[]
  readonly #lines: LineCounter
  readonly #contents: Node | null
  readonly #anchors = new Map<string, Anchored>()
  readonly #targets = new Map<Node, Node>()
  readable: boolean
  #values = 0
  #aliased = 0

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#lines = lines
    this.#contents = document.contents
    this.blank = this.#contents === null || (isScalar(this.#contents) && this.#contents.value === null && this.#contents.source === '')
    this.problems = [...document.errors, ...document.warnings].map((error) => ofError(error, lines))
    this.readable = this.problems.length === 0
    const value = this.readable ? this.#read(this.#contents, 0) : undefined
    this.value = this.readable ? value : undefined
  }

  locate(path: FieldPath, atKey: boolean): Position {
    let node = this.#contents
    let offset = node?.range?.[0] ?? 0
    for (const [index, key] of path.entries()) {
      const target: Node | null = (node && this.#targets.get(node)) ?? node
      if (isMap(target)) {
        const pair = (target as YAMLMap<Node, Node | null>).items.find((item) => keyOf(item) === String(key))
        if (pair === undefined) break
        const isLast = index === path.length - 1
        offset = (isLast && atKey ? pair.key.range?.[0] : (pair.value?.range?.[0] ?? pair.key.range?.[0])) ?? offset
        node = pair.value
      } else if (isSeq(target) && typeof key === 'number') {
        node = (target.items[key] ?? null) as Node | null
        if (node === null) break
        offset = node.range?.[0] ?? offset
      } else break
    }
    return at(this.#lines, offset)
  }

  #read(node: Node | null, depth: number): unknown {
    if (node === null) return null
    if (this.#values >= mostValues) return this.#giveUp(node, `there are more than ${mostValues} values`)
    if (depth > deepest) return this.#giveUp(node, `nested deeper than ${deepest} levels`)
    const before = this.#values++
    let value: unknown
    if (isAlias(node)) return this.#follow(node, node.source)
    if (isMap(node)) value = this.#readMap(node as YAMLMap<Node, Node | null>, depth)
    else if (isSeq(node)) value = node.items.map((item) => this.#read(item as Node | null, depth + 1))
    else value = (node as Scalar).value
    // Only now: an alias within its own anchor would make a circle.
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, { node, value, size: this.#values - before })
    return value
  }

  #readMap(map: YAMLMap<Node, Node | null>, depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = {}
    for (const pair of map.items) {
      const key = keyOf(pair)
      if (forbiddenKeys.has(key)) this.#refuse(pair.key, `key \`${key}\` is not allowed`)
      else if (Object.hasOwn(fields, key)) this.#refuse(pair.key, `key \`${key}\` is written twice`)
      else fields[key] = this.#read(pair.value, depth + 1)
    }
    return fields
  }

  #follow(alias: Node, name: string): unknown {
    const target = this.#anchors.get(name)
    if (target === undefined) return this.#giveUp(alias, `alias \`*${name}\` stands for nothing that is complete above it`)
    this.#aliased += target.size
    if (this.#aliased > mostAliased) return this.#giveUp(alias, `aliases stand for more than ${mostAliased} values`)
    this.#values += target.size
    this.#targets.set(alias, target.node)
    return target.value
  }

  #refuse(node: Node, text: string): void {
    this.problems.push({ ...at(this.#lines, node.range?.[0] ?? 0), text })
  }

  /** Says once why the document is not read any further. */
  #giveUp(node: Node, text: string): undefined {
    if (this.readable) this.#refuse(node, text)
    this.readable = false
    return undefined
  }
}

function keyOf(pair: Pair<Node, Node | null>): string {
  return isScalar(pair.key) ? String(pair.key.value) : ''
}
