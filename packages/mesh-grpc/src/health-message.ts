/** The messages of grpc.health.v1 as bytes: they are so small that reading a description of them would cost more than writing them. */

/** What every path of the service begins with. */
export const healthPrefix = '/grpc.health.v1.Health/'

/** What a server says of itself, by the numbers of `ServingStatus`. */
export const SERVING = 1
export const NOT_SERVING = 2
export const SERVICE_UNKNOWN = 3

/** A `ServingStatus` that a server gives. */
export type ServingStatus = typeof SERVING | typeof NOT_SERVING | typeof SERVICE_UNKNOWN

const statusNames: readonly string[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

// The wire types of protocol buffers.
const varint = 0
const eightBytes = 1
const lengthDelimited = 2
const fourBytes = 5

/** A `HealthCheckRequest`. */
export interface CheckRequest {
  /** '' for the server as a whole. */
  readonly service: string
}

/** Reads a `HealthCheckRequest`. @throws RangeError where it is none */
export function readCheckRequest(bytes: Buffer): CheckRequest {
  const reader = new Reader(bytes)
  let service = ''
  while (!reader.done) {
    const tag = reader.varint()
    if (tag === ((1 << 3) | lengthDelimited)) service = reader.bytes(reader.varint()).toString('utf8')
    else reader.skip(tag)
  }
  return { service }
}

/** Reads the status of a `HealthCheckResponse`, by its name. @throws RangeError where it is none */
export function readCheckResponse(bytes: Buffer): string {
  const reader = new Reader(bytes)
  let status = 0
  while (!reader.done) {
    const tag = reader.varint()
    if (tag === ((1 << 3) | varint)) status = reader.varint()
    else reader.skip(tag)
  }
  return statusNames[status] ?? `STATUS_${status}`
}

/** A `HealthCheckRequest` about `service`; '' for the server as a whole. */
export function writeCheckRequest(service: string): Buffer {
  return service === '' ? Buffer.alloc(0) : field(1, [Buffer.from(service)])
}

/** A `HealthCheckResponse`. */
export function writeCheckResponse(status: ServingStatus): Buffer {
  return Buffer.from([(1 << 3) | varint, status])
}

/** A `HealthListResponse`: the status of each service by its name. */
export function writeListResponse(statuses: ReadonlyMap<string, ServingStatus>): Buffer {
  return Buffer.concat(
    [...statuses].map(([name, status]) => field(1, [field(1, [Buffer.from(name)]), field(2, [writeCheckResponse(status)])])),
  )
}

function field(number: number, content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content)
  return Buffer.concat([Buffer.from([(number << 3) | lengthDelimited]), length(bytes.length), bytes])
}

function length(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left])
    bytes.push((left & 0x7f) | 0x80)
  }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  // Lengths and field numbers fit in 32 bits; of a longer number the rest is read and dropped.
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes(1)[0] as number
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new RangeError('a number that does not end')
  }

  /** Passes over the field that began with `tag`. */
  skip(tag: number): void {
    const type = tag & 7
    if (type === varint) this.varint()
    else if (type === eightBytes) this.bytes(8)
    else if (type === lengthDelimited) this.bytes(this.varint())
    else if (type === fourBytes) this.bytes(4)
    else throw new RangeError('a field of an unknown kind')
  }

  bytes(count: number): Buffer {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new RangeError('the message ends too soon')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
