/** Lets visitors come in over gRPC, in plaintext or by mutual TLS, to the same port. */
import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { Server, status as Status, type sendUnaryData } from '@grpc/grpc-js'
import type { ErrorCode } from '@zerohop/mesh-core'
import { errorTable, type Identity, secureClient } from '@zerohop/mesh-core/transport'
import { serveGrpc } from '@zerohop/mesh-grpc'
import type { Visitor } from '../case.ts'
import { host } from '../seen.ts'
import type { Wire } from '../wire.ts'

type Fields = Readonly<Record<string, unknown>>

/** Serves visitors. */
export const receiveGrpc: Wire['receive'] = async (mesh) => {
  const server = new Server({ 'grpc.enable_channelz': 0 })
  const same = (bytes: Buffer): Buffer => bytes
  const { port } = await serveGrpc(mesh, server, { port: 0, host: '127.0.0.1', signals: false })
  return async (visitor, identity) => {
    // Whatever path it asks for is served: who is turned away is turned away by the mesh.
    server.register(visitor.path, (_: unknown, answer: sendUnaryData<Buffer>) => answer(null, Buffer.from('in')), same, same, 'unary')
    return codeOf(await endOf(visitor, port, identity))
  }
}

// One message without bytes.
const emptyMessage = Buffer.alloc(5)

/** The status of a call, with whatever came in its head and its trailers. */
async function endOf({ path, headers }: Visitor, port: number, identity: Identity | null): Promise<Fields> {
  const way = { host: '127.0.0.1', port }
  const secured = { service: host, alpn: ['h2'] }
  const session = connectHttp2(`http://${host}`, {
    createConnection: () => (identity === null ? connect(way) : secureClient(connect(way), identity, secured)),
  })
  try {
    const asked: OutgoingHttpHeaders = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers }
    return await new Promise((resolve, reject) => {
      const heard: Record<string, unknown> = {}
      const hear = (fields: object): void => void Object.assign(heard, fields)
      session.on('error', reject)
      const stream = session.request(asked).on('response', hear).on('trailers', hear).on('error', reject)
      stream.resume().once('close', () => resolve(heard))
      stream.end(emptyMessage)
    })
  } finally {
    session.destroy()
  }
}

/** What the answer of a mesh says; throws where it says more than that, or another status. */
function codeOf(heard: Fields): ErrorCode | '' {
  const status = Status[Number(heard['grpc-status'])]
  if (status === 'OK') return ''
  const details = decodeURIComponent(String(heard['grpc-message']))
  const [code, row] = Object.entries(errorTable).find(([, { sentence }]) => details === `${host}: ${sentence}`) ?? []
  if (code === undefined || row === undefined) throw new Error(`a visitor was told what no mesh says: ${status} ${details}`)
  if (status !== row.grpc) throw new Error(`a visitor was answered ${status} for ${code}, which is ${row.grpc}`)
  // What one instance forbids, every other one forbids.
  if (row.http < 429 && heard['zerohop-refused'] !== undefined) throw new Error(`a visitor was sent elsewhere for ${code}`)
  return code as ErrorCode
}
