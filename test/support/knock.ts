/** Somebody who knocks at the door of a server, by TLS or with bytes of any kind, and notes all that he is given. */
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect, type SecureContextOptions } from 'node:tls'

/** What a stranger got. */
export interface Given {
  /** What was sent to him beyond the handshake. */
  readonly text: string
  /** Why his end says that it is over; '' for an end in order. */
  readonly error: string
}

/** What a stranger does by TLS. */
export interface Knocking {
  readonly port: number
  /** What he shows; nothing without. */
  readonly papers?: { readonly cert: string; readonly key: string }
  readonly options?: SecureContextOptions
}

// Whoever is let wait longer is let in, as far as a stranger can tell.
const patienceMs = 15_000

/** By TLS, with a request in it. Believes whoever answers. */
export function knockSecured({ port, papers = undefined, options = {} }: Knocking): Promise<Given> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...papers, ...options })
  socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nhost: stock\r\nconnection: close\r\n\r\n'))
  return given(socket)
}

/** With bytes, after which he says no more. */
export function knockWith(port: number, bytes: string | Buffer): Promise<Given> {
  const socket = connectPlain({ host: '127.0.0.1', port })
  socket.end(bytes)
  return given(socket)
}

async function given(socket: Socket): Promise<Given> {
  let text = ''
  let error = ''
  socket.setTimeout(patienceMs, () => socket.destroy(new Error('it was let wait')))
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', (reason: NodeJS.ErrnoException) => {
    error ||= reason.code ?? reason.message
  })
  await once(socket, 'close').catch(() => {})
  return { text, error }
}
