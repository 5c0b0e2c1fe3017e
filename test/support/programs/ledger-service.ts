/** A service that writes down every order at the moment at which its handler starts, where not even SIGKILL can take it back. */
import { openSync, writeSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMesh } from '@zerohop/mesh-core'
import { serveHttp } from '@zerohop/mesh-http'
import { quietLog } from '../quiet-log.ts'
import { settingsOf, tell } from './with-parent.ts'

/** How the service is started. */
export interface LedgerSettings {
  /** 0 takes a free one. */
  readonly port: number
  /** The file that orders are appended to, a line for each: its id, and the attempt that brought it. */
  readonly ledger: string
  /** Calls at once; what goes beyond is refused above the handler. 0: no bound. */
  readonly inFlight: number
  /** Of so many orders one is never answered, and one gets a 503. 0: none. */
  readonly oddOneIn: number
}

const { port, ledger, inFlight, oddOneIn } = settingsOf<LedgerSettings>()
const file = openSync(ledger, 'a')
const policy = inFlight === 0 ? {} : { limit: { inbound: { inFlight } } }
const mesh = createMesh({ service: 'orders', policy: { service: 'orders', ...policy }, log: quietLog })
let orders = 0

async function app(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = request.headers['x-id']
  // Before the body is read: a handler that has started counts, whether or not its request arrived whole.
  if (request.method === 'POST') writeSync(file, `${id} ${request.headers['zerohop-attempt'] ?? 1}\n`)
  const oddness = oddOneIn > 0 && request.method === 'POST' ? orders++ % oddOneIn : -1
  if (oddness === 1) return
  let bytes = 0
  for await (const chunk of request) bytes += (chunk as Buffer).length
  if (oddness === 2) response.statusCode = 503
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ id, bytes, pid: process.pid }))
}

const server = await serveHttp(mesh, (request, response) => app(request, response).catch(() => response.destroy()), {
  port,
  host: '127.0.0.1',
})
await tell('up', { port: server.port })
