/** Endpoints from a YAML or JSON file that is followed: who edits it moves the calls of every process that reads it. */
import { type Discovery, type EndpointInfo, type Log, MeshError, WatchSource } from '@zerohop/mesh-core'
import { checked, complaintText, readYaml } from '@zerohop/mesh-core/policy'
import { stderrLog, WatchedFile } from '@zerohop/mesh-core/transport'
import { z } from 'zod'
import { type EndpointTable, readEndpointTable } from './endpoint-table.ts'

/** Set in code at start. */
export interface FileEndpointsOptions {
  /** Where a broken file is reported. Default: stderr. */
  readonly log?: Log
}

const maxBytes = 4 * 1_048_576
const mostListed = 20

const logSchema = z.custom<Log>(
  (value) =>
    ['info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown> | null | undefined)?.[level] === 'function'),
  'expected an object with the functions info, warn and error',
)

const argumentsSchema = z.strictObject({
  path: z.string().min(1, 'expected the path of a file'),
  options: z.strictObject({ log: logSchema.optional() }),
})

/**
 * Endpoints from a file that maps services to lists, as `staticEndpoints` takes them. While it cannot be read,
 * the last good endpoints stay, and what is wrong is reported with its place. A service that vanishes from the file has no endpoints.
 * @throws MeshError BAD_ENDPOINTS for wrong arguments; never for the file
 */
export function fileEndpoints(path: string, options: FileEndpointsOptions = {}): Discovery {
  const result = checked(argumentsSchema, { path, options })
  if (!result.ok) {
    const problems = result.complaints.map(complaintText)
    throw new MeshError({ code: 'BAD_ENDPOINTS', message: `fileEndpoints: ${problems.join('; ')}` })
  }
  return new FileEndpoints(path, options.log ?? stderrLog)
}

const noEndpoints: readonly EndpointInfo[] = []

class FileEndpoints implements Discovery {
  readonly name = 'file'
  readonly #path: string
  readonly #log: Log
  readonly #file: WatchedFile
  #table: EndpointTable = new Map()
  /**
   * Made when first asked for, and kept while it is listed or listened to: whoever follows one hears of a service that vanishes and of its
   * return.
   */
  readonly #watches = new Map<string, WatchSource<readonly EndpointInfo[]>>()

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
    this.#file = new WatchedFile(path, (text) => this.#adopt(text))
    this.#adopt(this.#file.readNow())
  }

  watch(service: string): WatchSource<readonly EndpointInfo[]> | null {
    const known = this.#watches.get(service)
    if (known !== undefined) return known
    const endpoints = this.#table.get(service)
    if (endpoints === undefined) return null
    const watch = new WatchSource(endpoints)
    this.#watches.set(service, watch)
    return watch
  }

  services(): readonly string[] {
    return [...this.#table.keys()]
  }

  async close(): Promise<void> {
    this.#file.close()
  }

  #adopt(text: string | Error): void {
    const reading =
      text instanceof Error ? { problems: [`${this.#path}: cannot be read: ${text.message}`] } : readEndpointFile(text, this.#path)
    if ('problems' in reading) {
      for (const problem of reading.problems.slice(0, mostListed)) this.#log.error(`endpoints refused, the last good ones stay: ${problem}`)
      const more = reading.problems.length - mostListed
      if (more > 0) this.#log.error(`endpoints refused: ${this.#path} has ${more} more problems`)
      return
    }
    this.#table = reading.table
    for (const [service, watch] of this.#watches) {
      const endpoints = reading.table.get(service) ?? noEndpoints
      if (!same(endpoints, watch.current ?? noEndpoints)) watch.set(endpoints)
      if (!reading.table.has(service) && watch.listeners === 0) this.#watches.delete(service)
    }
  }
}

/**
 * Reads the text of an endpoints file: the whole table, or every problem with its place. An empty text is an empty table.
 * @param origin what problems call the text: its path
 */
export function readEndpointFile(text: string, origin: string): { table: EndpointTable } | { problems: readonly string[] } {
  const { documents, problems } = readYaml(text, maxBytes)
  const found = problems.map((problem) => `${origin}:${problem.line}:${problem.column}: ${problem.text}`)
  const [document, second] = documents
  if (second !== undefined) {
    const { line, column } = second.locate([], false)
    found.push(`${origin}:${line}:${column}: a second document; an endpoints file is one`)
  }
  if (document?.readable && !document.blank) {
    const reading = readEndpointTable(document.value)
    if (reading.ok && found.length === 0) return { table: reading.value }
    for (const complaint of reading.ok ? [] : reading.complaints) {
      const { line, column } = document.locate(complaint.path, complaint.atKey)
      found.push(`${origin}:${line}:${column}: ${complaintText(complaint)}`)
    }
  }
  return found.length === 0 ? { table: new Map() } : { problems: found }
}

function same(a: readonly EndpointInfo[], b: readonly EndpointInfo[]): boolean {
  return a.length === b.length && JSON.stringify(a) === JSON.stringify(b)
}
