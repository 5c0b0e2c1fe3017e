/** Puts the control API together: settings, stores, the door, the data plane, the operations, the server. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { Doorkeeper } from './access/doorkeeper.ts'
import { withoutSecrets } from './access/secrets.ts'
import { TokenOffice } from './access/token-office.ts'
import { PolicyDesk } from './check/policy-desk.ts'
import { type Clock, systemClock } from './clock.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import { Metrics } from './observe/metrics.ts'
import { auditOperations } from './routes/audit.ts'
import { healthOperations } from './routes/health.ts'
import { openapiOperation } from './routes/openapi.ts'
import type { Operation } from './routes/operation.ts'
import { policyOperations } from './routes/policies.ts'
import { revisionOperations } from './routes/revisions.ts'
import { problemOf, refuse, refuseUnread, serve } from './routes/serve.ts'
import { tokenOperations } from './routes/tokens.ts'
import { Writes } from './routes/writes.ts'
import type { ControlSettings } from './settings.ts'
import { openSqliteStores } from './store/sqlite-stores.ts'
import type { Stores } from './store/stores.ts'

/** What a test, or a program that embeds the control API, puts in the place of the real thing. */
export interface ControlApiParts {
  /** Default: the SQLite stores in the data directory. They are closed with the control API. */
  readonly stores?: Stores
  readonly clock?: Clock
  /** Takes one JSON line for each write, and for each fault. Default: none is written. */
  readonly log?: (line: string) => void
}

/** A control API, ready to listen. */
export interface ControlApi {
  /** The admin token, where it was made just now: it is shown this once and nowhere kept. */
  readonly freshAdminToken: string | null
  /** What can be asked, as `/v1/openapi.json` describes it. */
  readonly operations: readonly Operation[]
  /** Begins to listen; returns where. @throws Error where the address cannot be had */
  listen(): Promise<{ readonly host: string; readonly port: number; readonly url: string }>
  /** Answers parked polls, lets requests under way end for `graceMs` (default 5 s), closes the stores. */
  close(options?: { readonly graceMs?: number }): Promise<void>
}

// Heads and bodies that do not come in time are not waited for; a parked poll has been received and is not concerned.
const headMs = 10_000
const requestMs = 30_000
const checkMs = 5000
// Longer than load balancers and clients keep a connection, so that they are the ones who close it.
const keepAliveMs = 75_000
// A poll names up to a thousand services in its URL.
const maxHeaderSize = 131_072

/** @throws Error where the data directory cannot be used, in a sentence that says why */
export async function createControlApi(settings: ControlSettings, parts: ControlApiParts = {}): Promise<ControlApi> {
  const clock = parts.clock ?? systemClock
  const stores = parts.stores ?? openSqliteStores(settings.data, clock)
  try {
    return await assembled(settings, stores, { clock, log: parts.log ?? (() => {}) })
  } catch (error) {
    stores.close()
    throw error
  }
}

async function assembled(settings: ControlSettings, stores: Stores, rest: { clock: Clock; log: (line: string) => void }) {
  const { clock } = rest
  const log = (line: string) => rest.log(withoutSecrets(line))
  const metrics = new Metrics()
  const doorkeeper = new Doorkeeper({ tokens: stores.tokens, clock, metrics, peers: null })
  const writes = new Writes({ stores, clock, metrics, log })
  const office = new TokenOffice({ tokens: stores.tokens, clock })
  const freshAdminToken = office.makeFirstAdmin()
  const data = openDataPlane({ stores, clock, doorkeeper, metrics, trust: null, leaseMs: settings.lease })
  const desk = new PolicyDesk(stores.policies, data)
  const operations: Operation[] = [
    ...healthOperations({ metrics, writes, policies: stores.policies }),
    ...policyOperations({ desk, policies: stores.policies, writes }),
    ...revisionOperations({ desk, policies: stores.policies, writes }),
    ...tokenOperations(office, writes),
    ...auditOperations(stores.audit),
    ...data.operations,
  ]
  operations.push(openapiOperation(operations))
  const { app, server } = router(settings, data)
  const onFault = (error: Error, operation: string) =>
    log(JSON.stringify({ level: 'error', operation, error: error.stack ?? error.message }))
  serve(app, operations, { doorkeeper, onFault })
  await app.ready()
  return new RunningControlApi({ settings, stores, data, app, server, operations, freshAdminToken })
}

function router(settings: ControlSettings, data: DataPlane): { app: FastifyInstance; server: Server } {
  const server = createServer({
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    maxHeaderSize,
    noDelay: true,
  })
  server.maxConnections = settings.maxConnections
  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: 300 },
    clientErrorHandler: (error, socket) => refuseUnread(error, socket),
    frameworkErrors: (error, _, reply) => refuse(reply, problemOf(error)),
    serverFactory: (handler) => server.on('request', (request, response) => data.takes(request, response) || handler(request, response)),
  })
  return { app, server }
}

interface Assembled {
  readonly settings: ControlSettings
  readonly stores: Stores
  readonly data: DataPlane
  readonly app: FastifyInstance
  readonly server: Server
  readonly operations: readonly Operation[]
  readonly freshAdminToken: string | null
}

class RunningControlApi implements ControlApi {
  readonly #parts: Assembled
  #closing: Promise<void> | null = null

  constructor(parts: Assembled) {
    this.#parts = parts
  }

  get freshAdminToken(): string | null {
    return this.#parts.freshAdminToken
  }

  get operations(): readonly Operation[] {
    return this.#parts.operations
  }

  async listen(): Promise<{ host: string; port: number; url: string }> {
    const { app, settings, server } = this.#parts
    await app.listen({ host: settings.host, port: settings.port })
    const { address, port } = server.address() as AddressInfo
    return { host: address, port, url: `http://${address.includes(':') ? `[${address}]` : address}:${port}` }
  }

  close({ graceMs = 5000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const { app, server, data, stores } = this.#parts
    data.drain()
    const force = setTimeout(() => server.closeAllConnections(), graceMs)
    // A connection that falls idle only now is not closed by the server itself.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    await app.close()
    clearTimeout(force)
    clearInterval(sweep)
    data.close()
    stores.close()
  }
}
