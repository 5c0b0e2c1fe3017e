/** One HTTP exchange with one control API, over agents of its own: never meshed, never a reason for the process to live. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { ControlFailure } from './control-failure.ts'

/** What is asked of one address. */
export interface ControlRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** '' for none. */
  readonly body: string
  readonly signal: AbortSignal
  /** How TLS is spoken with an `https:` address; null: as node does it. */
  readonly ground: SecureGround | null
}

/** How TLS is spoken, one object for as long as that does not change. */
export interface SecureGround {
  readonly options: Pick<ConnectionOptions, 'secureContext' | 'checkServerIdentity' | 'rejectUnauthorized'>
  /** False: each connection is for one exchange. */
  readonly isKept: boolean
  /** True where this process shows a certificate of its own. */
  readonly isProved: boolean
}

/** What came back, undone of its coding. */
export interface ControlReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** The edge to the network; scripted in tests. */
export interface ControlHttp {
  /** Rejects where no whole answer came: with the signal's reason, a ControlFailure, or the network's error. */
  exchange(request: ControlRequest): Promise<ControlReply>
  /** Drops all connections. */
  close(): void
}

// A whole list of 10,000 endpoints has 1 MB.
const mostBytes = 64 * 1_048_576
// What is told by somebody who is not believed yet: roots, and nothing else.
const mostUncheckedBytes = 1_048_576
// A control API that does not take a connection within this is not there; the next address may be.
const connectMs = 3000
const inflate = promisify(gunzip)

/** The process's own network. */
export class NodeControlHttp implements ControlHttp {
  // Three at most are under way at once: the poll, and leases.
  readonly #plain = new PlainAgent({ keepAlive: true, maxFreeSockets: 2 })
  #secure: { readonly ground: SecureGround | null; readonly agent: SecureAgent } = { ground: null, agent: secureAgent(null) }

  async exchange(request: ControlRequest): Promise<ControlReply> {
    for (let tries = 1; ; tries++) {
      const { sent, answered } = this.#send(request)
      let response: IncomingMessage | null = null
      try {
        response = await answered
        return await readReply(response, request.ground?.isKept === false ? mostUncheckedBytes : mostBytes)
      } catch (error) {
        // A connection that the server closed while it was idle. All that is asked here may be asked twice.
        if (!sent.reusedSocket || tries > 2 || request.signal.aborted || error instanceof ControlFailure) throw error
      } finally {
        // An answer that was not read to its end must not hold its connection.
        if (response?.complete !== true) sent.destroy()
      }
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#secure.agent.destroy()
  }

  #agent(ground: SecureGround | null): SecureAgent {
    if (ground !== null && !ground.isKept) return secureAgent(ground)
    if (ground !== this.#secure.ground) {
      letGo(this.#secure.agent)
      this.#secure = { ground, agent: secureAgent(ground) }
    }
    return this.#secure.agent
  }

  #send({ method, url, headers, body, signal, ground }: ControlRequest): { sent: ClientRequest; answered: Promise<IncomingMessage> } {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const isSecure = url.startsWith('https:')
    const options = { method, headers: { ...headers, 'content-length': Buffer.byteLength(body) }, signal }
    const sent = isSecure
      ? secureRequest(url, { ...options, agent: this.#agent(ground) })
      : plainRequest(url, { ...options, agent: this.#plain })
    sent.on('response', resolve)
    sent.on('error', (error) => reject(signal.aborted ? signal.reason : error))
    sent.on('socket', (socket) => bound(sent, socket))
    sent.end(body)
    return { sent, answered: promise }
  }
}

function secureAgent(ground: SecureGround | null): SecureAgent {
  // No session is kept: a resumed one brings the certificates of the connection that it began in, and nobody is checked.
  return new SecureAgent({ ...ground?.options, keepAlive: ground?.isKept ?? true, maxFreeSockets: 2, maxCachedSessions: 0 })
}

// Those that are idle now, and each that becomes idle; what is under way comes to its end.
function letGo(agent: SecureAgent): void {
  agent.maxFreeSockets = 0
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

function bound(sent: ClientRequest, socket: Socket): void {
  socket.unref()
  if (!socket.connecting) return
  const timer = setTimeout(() => sent.destroy(new ControlFailure('unreachable', `no connection within ${connectMs} ms`)), connectMs)
  timer.unref()
  const done = (): void => clearTimeout(timer)
  socket.once('connect', done)
  sent.once('close', done)
}

async function readReply(response: IncomingMessage, most: number): Promise<ControlReply> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) throw tooLarge(most)
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: await decoded(response, Buffer.concat(chunks), most) }
}

async function decoded(response: IncomingMessage, bytes: Buffer, most: number): Promise<Buffer> {
  const coding = response.headers['content-encoding'] ?? 'identity'
  if (coding === 'identity' || bytes.length === 0) return bytes
  if (coding !== 'gzip')
    throw new ControlFailure('garbage', `the answer is coded as ${JSON.stringify(coding.slice(0, 40))}, which was not asked for`)
  try {
    return await inflate(bytes, { maxOutputLength: most })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(most)
    throw new ControlFailure('garbage', 'the answer is no whole gzip')
  }
}

function tooLarge(most: number): ControlFailure {
  return new ControlFailure('too_large', `the answer is larger than ${most / 1_048_576} MiB`)
}
