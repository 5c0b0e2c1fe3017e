/** Frames of HTTP/2 by hand, for servers that do what no server of node does. */

/** A frame of HTTP/2. */
export function frame(type: number, payload: Buffer, stream = 0): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** What an end of a connection says first. */
export const settings = frame(4, Buffer.alloc(0))

/** Calls `told` for every HEADERS frame that comes. */
export function onHeaders(socket: NodeJS.ReadableStream, told: () => void): void {
  let bytes = Buffer.alloc(0)
  let hasPreface = false
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    if (!hasPreface && bytes.length >= 24) {
      bytes = bytes.subarray(24)
      hasPreface = true
    }
    while (hasPreface && bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const type = bytes[3]
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3))
      if (type === 1) told()
    }
  })
}

/** A GOAWAY that leaves out every stream. */
export function goaway(code: number): Buffer {
  const payload = Buffer.alloc(8)
  payload.writeUInt32BE(code, 4)
  return frame(7, payload)
}
