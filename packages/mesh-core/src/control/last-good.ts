/** The last good document of a service, on disk: what its next process begins with when there is no control API. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock, Timer } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { checked, formatPath } from '../policy/complaints.ts'
import { endpointRecordSchema, trustSectionSchema, versionSchema } from '../policy/exchange.ts'
import { nameSchema } from '../policy/schema.ts'
import { epochOf, indexOf } from './held-document.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

const savedSchema = z.strictObject({
  service: nameSchema,
  /** Milliseconds since 1970. */
  savedAt: z.number(),
  version: versionSchema,
  revision: z.number().int().min(0),
  /** Epochs that were left behind, the newest last. */
  pastEpochs: z.array(z.string()).max(64),
  policies: z.record(z.string(), z.record(z.string(), z.unknown())),
  endpoints: z.record(nameSchema, z.array(endpointRecordSchema)),
  /** Absent where none was told. */
  trust: trustSectionSchema.optional(),
  /** Fingerprints of roots that were believed, in the order in which they came: a token that names one of them introduces nobody any more. Absent where none was. */
  met: z.array(z.string().max(64)).max(64).optional(),
})

/** A document as it is kept. */
export type SavedDocument = z.output<typeof savedSchema>

/** Why a file was not used, in one word for metrics. */
export type FileFlaw = 'unreadable' | 'garbage' | 'truncated' | 'foreign' | 'older_epoch'

export interface LastGoodOptions {
  readonly directory: string
  readonly service: string
  readonly clock: Clock
  readonly log: Log
  /** Told of each file that was refused. */
  readonly refused: (flaw: FileFlaw) => void
}

const mostBytes = 64 * 1_048_576
// Format, bytes, checksum, version: enough to compare two files without reading either.
const header = /^zerohop-last-good (\d+) (\d+) ([0-9a-f]{64}) ([0-9a-z]+\.\d+)\n/
const format = 1
// Changes come in groups; a list of 10,000 endpoints costs some 20 ms to write out.
const firstWriteMs = 1000
const nextWriteMs = 10_000

/** One per mesh. A disk that fails costs a warning and the last good document, nothing else. */
export class LastGood {
  readonly #options: LastGoodOptions
  readonly #path: string
  #waiting: (() => SavedDocument) | null = null
  #timer: Timer | null = null
  #writing: Promise<void> = Promise.resolve()
  #wroteAt = Number.NEGATIVE_INFINITY
  #hasWarned = false

  constructor(options: LastGoodOptions) {
    this.#options = options
    this.#path = join(options.directory, `${options.service}.last-good`)
  }

  /** What a process before this one left; null where there is nothing that can be used. */
  read(): SavedDocument | null {
    const reading = readSaved(this.#path, this.#options.service)
    if (reading === null || 'document' in reading) return reading?.document ?? null
    this.#refuse(reading.flaw, reading.why)
    return null
  }

  /** Writes what `document` returns when it is time: a second after the first change, ten seconds after the last write. */
  save(document: () => SavedDocument): void {
    this.#waiting = document
    if (this.#timer !== null) return
    const { clock } = this.#options
    const sinceMs = clock.now() - this.#wroteAt
    this.#timer = clock.setTimer(Math.max(firstWriteMs, nextWriteMs - sinceMs), () => void this.flush())
  }

  /** Writes what waits, now. Never rejects. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    const document = this.#waiting
    this.#waiting = null
    if (document !== null) {
      this.#wroteAt = this.#options.clock.now()
      this.#writing = this.#writing.then(() => this.#write(document()))
    }
    return this.#writing
  }

  async #write(document: SavedDocument): Promise<void> {
    try {
      const there = readSealed(this.#path)
      if (there !== null && 'version' in there) {
        // Another process of the same service keeps the same file, and may be ahead of this one.
        if (epochOf(there.version) === epochOf(document.version) && indexOf(there.version) > indexOf(document.version)) return
        if (document.pastEpochs.includes(epochOf(there.version)))
          this.#refuse('older_epoch', `its version ${there.version} is of an epoch that is past`)
      }
      const body = JSON.stringify(document)
      const sum = createHash('sha256').update(body).digest('hex')
      await writePrivateFile(this.#path, `zerohop-last-good ${format} ${Buffer.byteLength(body)} ${sum} ${document.version}\n${body}`)
      this.#hasWarned = false
    } catch (error) {
      if (!this.#hasWarned) this.#options.log.warn(`the last good document cannot be kept: ${(error as Error).message}`)
      this.#hasWarned = true
    }
  }

  #refuse(flaw: FileFlaw, why: string): void {
    this.#options.refused(flaw)
    this.#options.log.warn(`${this.#path} is not used as the last good document: ${why}`)
  }
}

interface Flawed {
  readonly flaw: FileFlaw
  readonly why: string
}

/** The file with its seal checked, its content not yet read. */
function readSealed(path: string): { readonly version: string; readonly body: Buffer } | Flawed | null {
  let bytes: Buffer | null
  try {
    bytes = readPrivateFile(path, mostBytes)
  } catch (error) {
    return { flaw: 'unreadable', why: (error as Error).message }
  }
  if (bytes === null) return null
  const match = header.exec(bytes.subarray(0, 300).toString('latin1'))
  if (match === null) return { flaw: 'garbage', why: 'it does not begin as one' }
  if (Number(match[1]) !== format) return { flaw: 'foreign', why: `it has the format ${match[1]}, and ${format} is read here` }
  const body = bytes.subarray(match[0].length)
  if (body.length < Number(match[2])) return { flaw: 'truncated', why: `it has ${body.length} bytes of ${match[2]}` }
  if (createHash('sha256').update(body).digest('hex') !== match[3]) return { flaw: 'garbage', why: 'its checksum is wrong' }
  return { version: match[4] as string, body }
}

function readSaved(path: string, service: string): { readonly document: SavedDocument } | Flawed | null {
  const sealed = readSealed(path)
  return sealed === null || 'flaw' in sealed ? sealed : readBody(sealed.body, service)
}

function readBody(body: Buffer, service: string): { readonly document: SavedDocument } | Flawed {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return { flaw: 'garbage', why: 'it holds no JSON' }
  }
  const result = checked(savedSchema, value)
  if (!result.ok) {
    const [first] = result.complaints
    return { flaw: 'garbage', why: `${formatPath(first?.path ?? [])}: ${first?.text ?? 'cannot be read'}` }
  }
  if (result.value.service !== service) return { flaw: 'foreign', why: `it belongs to the service ${result.value.service}` }
  return { document: result.value }
}
