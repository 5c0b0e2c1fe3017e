/** The body of an answer as the stream that fetch promises: bytes, read on demand. */
import type { IncomingBody } from './incoming-body.ts'

/** A byte stream over `body`; whoever cancels it abandons the body. */
export function streamOf(body: IncomingBody): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      for (;;) {
        const chunks = body.take()
        if (chunks.length > 0) {
          body.resume()
          // A copy: the stream takes the buffer for itself, and this one lies within what the socket read for several.
          controller.enqueue(copied(chunks))
          if (body.ended && body.isEmpty) controller.close()
          return
        }
        if (body.failure !== null) {
          controller.error(body.failure.error)
          return
        }
        if (body.ended) {
          controller.close()
          controller.byobRequest?.respond(0)
          return
        }
        await body.more()
      }
    },
    cancel() {
      body.abandon()
    },
  })
}

/** A stream that was read to its end. */
export function spentStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream: ReadableStream<Uint8Array<ArrayBuffer>> = new ReadableStream({ type: 'bytes', start: (controller) => controller.close() })
  // Cancelling marks it as read.
  void stream.cancel()
  return stream
}

/** All chunks of a stream. */
export async function drained(stream: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

/** The chunks as one, which may be the only one itself. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
}

function copied(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const chunk of chunks) length += chunk.byteLength
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
