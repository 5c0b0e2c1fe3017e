/** What a caller may pass as a body, turned into what can be sent, and where possible sent again. */
import { encodeForm } from './multipart.ts'
import { type BodyChunk, OneShotBody } from './one-shot-body.ts'

/** Bytes and Blobs can be sent any number of times; a {@link OneShotBody} only while it is short. */
export type RequestBody = Buffer | Blob | OneShotBody

/** A body with the type that it implies; '' where it implies none. */
export interface ReadBody {
  readonly body: RequestBody
  readonly contentType: string
}

/**
 * Reads any body that fetch takes.
 * @param duplex the caller's `duplex`, which a one-shot body must state to be 'half'
 * @throws TypeError where the stream was read before, is locked, or comes without `duplex`
 */
export function readBody(given: unknown, duplex: unknown): ReadBody {
  if (typeof given === 'string') return { body: Buffer.from(given), contentType: 'text/plain;charset=UTF-8' }
  // Copied, as fetch does: a second attempt must send what the first one sent, whatever the caller does to the buffer meanwhile.
  if (ArrayBuffer.isView(given)) {
    return { body: Buffer.from(new Uint8Array(given.buffer, given.byteOffset, given.byteLength)), contentType: '' }
  }
  if (given instanceof ArrayBuffer || given instanceof SharedArrayBuffer) {
    return { body: Buffer.from(new Uint8Array(given)), contentType: '' }
  }
  if (given instanceof URLSearchParams) {
    return { body: Buffer.from(given.toString()), contentType: 'application/x-www-form-urlencoded;charset=UTF-8' }
  }
  if (given instanceof Blob) return { body: given, contentType: given.type }
  if (given instanceof FormData) return encodeForm(given)
  if (given instanceof ReadableStream) {
    demandDuplex(duplex)
    if (given.locked) throw new TypeError('init.body: the stream is locked to another reader')
    return { body: new OneShotBody(given[Symbol.asyncIterator]() as AsyncIterator<BodyChunk>), contentType: '' }
  }
  const iterate = (given as Partial<AsyncIterable<BodyChunk>>)[Symbol.asyncIterator]
  if (typeof iterate === 'function') {
    demandDuplex(duplex)
    return { body: new OneShotBody(iterate.call(given)), contentType: '' }
  }
  return { body: Buffer.from(String(given)), contentType: 'text/plain;charset=UTF-8' }
}

function demandDuplex(duplex: unknown): void {
  if (duplex !== 'half') throw new TypeError("init.duplex: a body that is a stream needs duplex: 'half'")
}
