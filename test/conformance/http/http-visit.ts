/** Lets visitors come in over HTTP, in plaintext or by mutual TLS, to the same port. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { ErrorCode, Mesh } from '@zerohop/mesh-core'
import { errorTable, type Identity, secureClient } from '@zerohop/mesh-core/transport'
import { serveHttp } from '@zerohop/mesh-http'
import type { Visitor } from '../case.ts'
import { host } from '../seen.ts'
import type { Wire } from '../wire.ts'

/** Serves visitors. */
export const receiveHttp: Wire['receive'] = async (mesh: Mesh) => {
  const { port } = await serveHttp(mesh, (_, response) => void response.end('in'), { port: 0, host: '127.0.0.1', signals: false })
  return async (visitor, identity) => {
    const response = await answerTo(send(visitor, port, identity))
    const body = await text(response)
    return visitor.method === 'HEAD' ? codeOfHead(response) : codeOf(response, body)
  }
}

function send({ method, path, headers }: Visitor, port: number, identity: Identity | null): ClientRequest {
  const way = { host: '127.0.0.1', port }
  const start = { ...way, method, path, headers: { ...headers, connection: 'close' } }
  return request({ ...start, createConnection: () => (identity === null ? connect(way) : secureClient(connect(way), identity, host)) })
}

function answerTo(asking: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => asking.once('response', resolve).once('error', reject).end())
}

/** The same where an answer has no body: of those who are kept out by a rule, or let in. */
function codeOfHead({ statusCode = 0 }: IncomingMessage): ErrorCode | '' {
  if (statusCode === 200) return ''
  if (statusCode === errorTable.FORBIDDEN.http) return 'FORBIDDEN'
  throw new Error(`a visitor was answered ${statusCode} for HEAD`)
}

/** What the answer of a mesh says; throws where it says more than that, or another status. */
function codeOf({ statusCode = 0, headers }: IncomingMessage, body: string): ErrorCode | '' {
  if (statusCode === 200 && body === 'in') return ''
  const { error: code } = JSON.parse(body) as { error: ErrorCode }
  const { http, sentence } = errorTable[code]
  if (statusCode !== http) throw new Error(`a visitor was answered ${statusCode} for ${code}, which is ${http}`)
  // Nobody learns why; and what one instance forbids, every other one forbids.
  const told = code === 'AMBIGUOUS_PATH' ? { error: code, message: `${host}: ${sentence}` } : { error: code }
  if (http < 429 && (body !== `${JSON.stringify(told)}\n` || headers['zerohop-refused'] !== undefined)) {
    throw new Error(`a visitor was told more than it should be: ${body}`)
  }
  return code
}
