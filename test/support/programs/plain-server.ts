/** Answers every request with the same bytes as fast as a process can: what a load is run against. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tell } from './with-parent.ts'

const body = JSON.stringify({ id: 42, name: 'a thing', text: 'x'.repeat(100) })
const answer = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
const headEnd = Buffer.from('\r\n\r\n')

/** Follows the requests of one connection by their heads and lengths; they come one at a time. */
function serve(socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (;;) {
      const at = pending.indexOf(headEnd)
      if (at === -1) return
      const length = /\r\ncontent-length: (\d+)/i.exec(pending.toString('latin1', 0, at))?.[1] ?? '0'
      const end = at + headEnd.length + Number(length)
      if (pending.length < end) return
      pending = pending.subarray(end)
      socket.write(answer)
    }
  })
}

const ports: number[] = []
for (let listening = 0; listening < 2; listening++) {
  const server = createServer({ noDelay: true }, serve)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ports.push((server.address() as AddressInfo).port)
}
await tell('up', { ports })
