/** How messages travel in a stream: five bytes of frame each, and compressed where both ends understand it. */
import { promisify } from 'node:util'
import { deflate, gunzip, gzip, inflate } from 'node:zlib'
import { compressionAlgorithms, status as Status } from '@grpc/grpc-js'

/** What this end understands, as `grpc-accept-encoding` says it. */
export const understoodCodings = 'identity,deflate,gzip'

// A flag of grpc-js' WriteFlags, by which a program asks for a message as it is.
const noCompress = 2
const frameBytes = 5
// What grpc-js takes where the program says nothing.
const defaultMostBytes = 4 * 1024 * 1024

type Change = (message: Buffer, limit: { maxOutputLength?: number }) => Promise<Buffer>

const compressors: ReadonlyMap<string, Change> = new Map<string, Change>([
  ['deflate', promisify(deflate)],
  ['gzip', promisify(gzip)],
])
const decompressors: ReadonlyMap<string, Change> = new Map<string, Change>([
  ['deflate', promisify(inflate)],
  ['gzip', promisify(gunzip)],
])

/** Why a message cannot be read, as a status. */
export class BadMessage extends Error {
  readonly code: Status

  constructor(code: Status, details: string) {
    super(details)
    this.code = code
  }
}

/** The coding that a program's channel options ask for; `identity` where they ask for none. */
export function codingOf(option: unknown): string {
  const name = compressionAlgorithms[option as compressionAlgorithms] as string | undefined
  return name !== undefined && compressors.has(name) ? name : 'identity'
}

/** A message as it goes on the wire; a promise of it where it takes its time. */
export function framed(message: Buffer, coding: string, flags: number): Buffer | Promise<Buffer> {
  const compress = coding === 'identity' || (flags & noCompress) !== 0 ? undefined : compressors.get(coding)
  return compress === undefined ? withFrame(message, 0) : compress(message, {}).then((compressed) => withFrame(compressed, 1))
}

/**
 * A message as the program gets it; a promise of it where it takes its time, which rejects with a {@link BadMessage}.
 * @param mostBytes what a message may have; undefined for the default of grpc-js, -1 for no bound
 */
export function unframed(frame: Buffer, coding: string, mostBytes: number | undefined): Buffer | Promise<Buffer> {
  const message = frame.subarray(frameBytes)
  return frame[0] === 0 ? message : decompressed(message, coding, mostBytes ?? defaultMostBytes)
}

async function decompressed(message: Buffer, coding: string, mostBytes: number): Promise<Buffer> {
  const decompress = decompressors.get(coding)
  if (decompress === undefined) throw new BadMessage(Status.INTERNAL, `Received a compressed message, but "grpc-encoding" was ${coding}`)
  try {
    return await decompress(message, mostBytes < 0 ? {} : { maxOutputLength: mostBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') {
      throw new BadMessage(Status.INTERNAL, `Failed to decompress ${coding}-encoded message`)
    }
    throw new BadMessage(Status.RESOURCE_EXHAUSTED, `Received message that decompresses to a size larger than ${mostBytes}`)
  }
}

function withFrame(message: Buffer, flag: number): Buffer {
  const frame = Buffer.allocUnsafe(message.length + frameBytes)
  frame[0] = flag
  frame.writeUInt32BE(message.length, 1)
  message.copy(frame, frameBytes)
  return frame
}
