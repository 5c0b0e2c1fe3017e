/** One question put to one DNS server: over UDP, and over TCP where the answer did not fit. */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { type DnsAnswer, encodeQuestion, type Question, readAnswer } from './dns-message.ts'

/** Where a DNS server listens. */
export interface DnsServer {
  /** An IP address: a resolver's name would have to be resolved first. */
  readonly host: string
  readonly port: number
}

/** An answer, but for those that lead to another question to the same server. */
export type WholeAnswer = Exclude<DnsAnswer, { kind: 'truncated' }>

/** One exchange. */
export interface Exchange {
  readonly server: DnsServer
  readonly question: Question
  /** For the datagram and for the connection, each. */
  readonly timeoutMs: number
  /** Ends it early; it then fails. */
  readonly signal: AbortSignal
}

/** Asks. Never rejects: a server that does not answer is a failure with its reason. */
export async function exchange(asked: Exchange): Promise<WholeAnswer> {
  const first = await bounded(asked, overUdp)
  if (first.kind !== 'truncated') return first
  const second = await bounded(asked, overTcp)
  if (second.kind === 'truncated') return failure('cut its answer short over TCP too')
  return second.kind === 'failure' ? failure(`${second.why} over TCP, and over UDP its answer did not fit`) : second
}

type Way = (asked: Exchange, id: number, done: (answer: DnsAnswer) => void) => () => string

// The way hands its answer to `done`, and returns how to leave: that closes what it holds and says what it saw.
function bounded(asked: Exchange, way: Way): Promise<DnsAnswer> {
  return new Promise((resolve) => {
    if (asked.signal.aborted) {
      resolve(failure('was not asked: closed'))
      return
    }
    const done = (answer: DnsAnswer): void => {
      clearTimeout(timer)
      asked.signal.removeEventListener('abort', aborted)
      leave()
      resolve(answer)
    }
    const aborted = (): void => done(failure('was not waited for: closed'))
    const timer = setTimeout(() => done(failure(`gave no answer within ${asked.timeoutMs} ms${leave()}`)), asked.timeoutMs).unref()
    asked.signal.addEventListener('abort', aborted)
    const leave = way(asked, randomInt(65_536), done)
  })
}

function overUdp({ server, question }: Exchange, id: number, done: (answer: DnsAnswer) => void): () => string {
  let hasStrangers = false
  let isOpen = true
  // A socket of its own for each question: the port is one more number that a forger must guess.
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4').unref()
  socket.on('error', (error) => done(failure(`cannot be reached: ${error.message}`)))
  // Not the end: whoever can forge datagrams could otherwise keep the true answer from being heard.
  socket.on('message', (bytes) => {
    const answer = readAnswer(bytes, question, id)
    if (answer === null) hasStrangers = true
    else done(answer)
  })
  // Connected, so that the kernel drops what comes from elsewhere and tells of a port that nobody listens at.
  socket.once('connect', () => socket.send(encodeQuestion(question, id)))
  socket.connect(server.port, server.host)
  return () => {
    if (isOpen) {
      isOpen = false
      socket.close()
    }
    return hasStrangers ? ', only datagrams that do not answer the question' : ''
  }
}

function overTcp({ server, question }: Exchange, id: number, done: (answer: DnsAnswer) => void): () => string {
  const chunks: Buffer[] = []
  let received = 0
  let expected = 2
  const socket = connect({ host: server.host, port: server.port }).unref()
  socket.on('error', (error) => done(failure(`cannot be reached: ${error.message}`)))
  socket.on('end', () => done(failure('closed the connection before its answer was whole')))
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    received += chunk.length
    if (received < expected) return
    const bytes = Buffer.concat(chunks)
    chunks.splice(0, chunks.length, bytes)
    expected = bytes.readUInt16BE(0) + 2
    if (received < expected) return
    done(readAnswer(bytes.subarray(2, expected), question, id) ?? failure('sent something that does not answer the question'))
  })
  const query = encodeQuestion(question, id)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(query.length)
  socket.write(Buffer.concat([length, query]))
  return () => {
    socket.destroy()
    return ''
  }
}

function failure(why: string): { readonly kind: 'failure'; readonly why: string } {
  return { kind: 'failure', why }
}
