/** Undoes the content codings of a body, as fetch does, without the reader noticing. */
import { pipeline, Readable, Transform, type TransformCallback } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import { IncomingBody } from './incoming-body.ts'

// A server that names more has something in mind other than saving bytes.
const mostCodings = 5

/** True where a body with this `content-encoding` is handed on as it came. */
export function isPlain(header: string | readonly string[] | undefined): boolean {
  return header === undefined || codingsOf(header).length === 0
}

/**
 * True where a `content-encoding` names more codings than there is any reason to apply: each multiplies what a hostile server gets for a
 * byte.
 */
export function tooManyCodings(header: string | readonly string[]): boolean {
  return [header].flat().join(',').split(',').length > mostCodings
}

// Last applied first; empty where there is a coding that nobody knows: then the reader gets the bytes as they are.
function codingsOf(header: string | readonly string[]): readonly string[] {
  const names = [header].flat().join(',').toLowerCase().split(',')
  const codings = names.map((name) => name.trim()).reverse()
  return codings.every((name) => decoders.has(name)) ? codings : []
}

/** The body behind `raw`, decoded; holds `raw` back where its own reader is slow. */
export function decoded(raw: IncomingBody, header: string | readonly string[]): IncomingBody {
  const codings = codingsOf(header)
  let bytes = 0
  async function* encoded(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        for (const chunk of raw.take()) {
          bytes += chunk.byteLength
          yield chunk
        }
        raw.resume()
        if (raw.failure !== null) throw raw.failure.error
        // What has come since is taken first, though it may be the last.
        if (!raw.isEmpty) continue
        if (raw.ended) return
        await raw.more()
      }
    } finally {
      raw.abandon()
    }
  }
  const last = codings.map((name) => (decoders.get(name) as () => Transform)())
  const source = Readable.from(encoded(), { objectMode: false })
  const end = last.at(-1) as Transform
  const body = new IncomingBody({
    pauseBody: () => end.pause(),
    resumeBody: () => end.resume(),
    abandonBody: () => {
      source.destroy()
      // Before its first read the source has nothing to leave, and would tell nobody.
      raw.abandon()
    },
  })
  const failed = (error: Error): void => {
    // Not every decoder likes a body of no bytes at all, and a reader need not know.
    if (bytes === 0 && raw.ended) body.end()
    else body.fail(raw.failure === null ? new TypeError('terminated', { cause: error }) : raw.failure.error)
  }
  // The pipeline is over when the last decoder has taken everything, and listens to it no more. zstd says only then that something is missing.
  end
    .on('data', (chunk: Buffer) => body.push(chunk))
    .on('end', () => body.end())
    .on('error', failed)
  pipeline([source, ...last], (error) => {
    if (error !== null && error !== undefined) failed(error)
  })
  return body
}

// A body that ends too early for its coding is taken as far as it goes, as browsers and curl do.
const lenient = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
const lenientBrotli = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH }
// RFC 9659: 8 MiB is the largest window that a decoder on the web must offer, and so the largest that a server can demand.
const zstd = { params: { [constants.ZSTD_d_windowLogMax]: 23 } }

const decoders: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', () => createGunzip(lenient)],
  ['x-gzip', () => createGunzip(lenient)],
  ['deflate', () => new Inflate()],
  ['br', () => createBrotliDecompress(lenientBrotli)],
  ['zstd', () => createZstdDecompress(zstd)],
])

/** `deflate` means zlib's format; some servers send the bare one. The first byte tells. */
class Inflate extends Transform {
  #inner: Transform | null = null

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (chunk.length === 0) {
      done()
      return
    }
    this.#inner ??= this.#start(((chunk[0] as number) & 0x0f) === 0x08)
    this.#inner.write(chunk, () => done())
  }

  override _flush(done: TransformCallback): void {
    if (this.#inner === null) done()
    else this.#inner.once('end', () => done()).end()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner?.destroy()
    done(error)
  }

  #start(zlib: boolean): Transform {
    const inner = zlib ? createInflate(lenient) : createInflateRaw(lenient)
    inner.on('data', (chunk: Buffer) => this.push(chunk))
    inner.on('error', (error) => this.destroy(error))
    return inner
  }
}
