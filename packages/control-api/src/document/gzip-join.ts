/** Joins pieces, some of them deflated long ago, to one gzip stream: ten thousand answers cost no compression but that of what they share. */
import { crc32 } from 'node:zlib'
import type { Part } from './part.ts'

// RFC 1952: magic, deflate, no flags, no time, no hint, unknown system.
const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
const longestStored = 65_535

/** The pieces as one gzip stream, as buffers to be written one after the other. */
export function gzipJoined(pieces: readonly (Part | Buffer)[]): Buffer[] {
  const out: Buffer[] = [head]
  let crc = 0
  let length = 0
  for (const piece of pieces) {
    const bytes = Buffer.isBuffer(piece) ? piece : piece.bytes
    crc = crc32(bytes, crc)
    length += bytes.length
    const deflated = Buffer.isBuffer(piece) ? null : piece.deflated()
    if (deflated !== null) out.push(deflated)
    else addStored(bytes, out)
  }
  out.push(ending(crc, length))
  return out
}

/** As blocks that deflate leaves alone (RFC 1951, 3.2.4). */
function addStored(bytes: Buffer, out: Buffer[]): void {
  for (let at = 0; at < bytes.length; at += longestStored) {
    const block = bytes.subarray(at, at + longestStored)
    const header = Buffer.alloc(5)
    header.writeUInt16LE(block.length, 1)
    header.writeUInt16LE(~block.length & 0xffff, 3)
    out.push(header, block)
  }
}

/** An empty block that is the last one, the checksum, the length. */
function ending(crc: number, length: number): Buffer {
  const end = Buffer.from([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])
  end.writeUInt32LE(crc >>> 0, 5)
  end.writeUInt32LE(length >>> 0, 9)
  return end
}
