/** Puts the control API together: settings, stores, the door, the data plane, the operations, the server. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { checked, formatPath } from '@zerohop/mesh-core/policy'
import type { FastifyInstance } from 'fastify'
import { Doorkeeper } from './access/doorkeeper.ts'
import { withoutSecrets } from './access/secrets.ts'
import { TokenOffice } from './access/token-office.ts'
import type { SecretSource } from './authority/sealing-secret.ts'
import { PolicyDesk } from './check/policy-desk.ts'
import { type Clock, systemClock } from './clock.ts'
import { openServer } from './control-server.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import { IdentityPlane, secretOf } from './identity-plane.ts'
import { Metrics } from './observe/metrics.ts'
import { keepRootsFile } from './roots-file.ts'
import { auditOperations } from './routes/audit.ts'
import { healthOperations } from './routes/health.ts'
import { identityOperations } from './routes/identity.ts'
import { openapiOperation } from './routes/openapi.ts'
import type { Operation } from './routes/operation.ts'
import { policyOperations } from './routes/policies.ts'
import { revisionOperations } from './routes/revisions.ts'
import { serve } from './routes/serve.ts'
import { tokenOperations } from './routes/tokens.ts'
import { voidTokensWritten } from './routes/void-tokens.ts'
import { Writes } from './routes/writes.ts'
import { BadSettings, type ControlSettings, type GivenSettings, settingsSchema } from './settings.ts'
import { openSqliteStores } from './store/sqlite-stores.ts'
import type { Stores } from './store/stores.ts'

/** What a test, or a program that embeds the control API, puts in the place of the real thing. */
export interface ControlApiParts {
  /** Default: the SQLite stores in the data directory. They are closed with the control API. */
  readonly stores?: Stores
  readonly clock?: Clock
  /** Under which the keys of the authority are sealed. Default: as the settings say. */
  readonly secret?: SecretSource
  /** Takes one JSON line for each write, and for each fault. Default: none is written. */
  readonly log?: (line: string) => void
}

/** A control API, ready to listen. */
export interface ControlApi {
  /** The admin token, where it was made just now: it is shown this once and nowhere kept. */
  readonly freshAdminToken: string | null
  /** Its roots as they are now; null where it speaks no TLS. */
  readonly roots: ControlRoots | null
  /** What can be asked, as `/v1/openapi.json` describes it. */
  readonly operations: readonly Operation[]
  /** Begins to listen; returns where. @throws Error where the address cannot be had */
  listen(): Promise<{ readonly host: string; readonly port: number; readonly url: string }>
  /** Answers parked polls, lets requests under way end for `graceMs` (default 5 s), closes the stores. */
  close(options?: { readonly graceMs?: number }): Promise<void>
}

/** By what a control API is believed. */
export interface ControlRoots {
  readonly trustDomain: string
  /** Each a certificate in PEM. */
  readonly pem: readonly string[]
  /** Of the root that its certificates lead to: base64url SHA-256 of its key. */
  readonly fingerprint: string
  /** The file that holds them; null where the stores are none of a data directory. */
  readonly file: string | null
  /** The key file that was made just now, because there was none; null otherwise. Whoever loses it loses the authority. */
  readonly freshKeyFile: string | null
}

/** @throws BadSettings; Error where the data directory or the keys of the authority cannot be used, in a sentence that says why */
export async function createControlApi(given: GivenSettings, parts: ControlApiParts = {}): Promise<ControlApi> {
  const reading = checked(settingsSchema, given)
  if (!reading.ok) throw new BadSettings(reading.complaints.map(({ path, text }) => `${formatPath(path)}: ${text}`).join('\n'))
  const settings = reading.value
  const clock = parts.clock ?? systemClock
  const stores = parts.stores ?? openSqliteStores(settings.data, clock)
  const rootsFile = parts.stores === undefined ? join(settings.data, 'ca.pem') : null
  const log = (line: string) => parts.log?.(withoutSecrets(line))
  let identity: IdentityPlane | null = null
  try {
    const metrics = new Metrics()
    if (settings.tls === 'on') {
      const tell = (level: string, sentence: string) => log(JSON.stringify({ level, identity: sentence }))
      identity = await IdentityPlane.open({ settings, stores, clock, metrics, secret: parts.secret ?? secretOf(settings), tell })
      if (rootsFile !== null) keepRootsFile(rootsFile, identity.authority, (sentence) => tell('error', sentence))
    }
    return await assembled(settings, stores, { clock, log, metrics, identity, rootsFile })
  } catch (error) {
    await identity?.close()
    stores.close()
    throw error
  }
}

interface Foundation {
  readonly clock: Clock
  readonly log: (line: string) => void
  readonly metrics: Metrics
  readonly identity: IdentityPlane | null
  readonly rootsFile: string | null
}

async function assembled(settings: ControlSettings, stores: Stores, foundation: Foundation) {
  const { clock, log, metrics, identity } = foundation
  const authority = identity?.authority ?? null
  const { tokens } = stores
  const writes = new Writes({ stores, clock, metrics, log })
  const doorkeeper = new Doorkeeper({ tokens, clock, metrics, peers: identity?.peers ?? null, onVoidToken: voidTokensWritten(writes) })
  const office = new TokenOffice({ tokens, leaves: stores.authority, clock, fingerprint: () => authority?.fingerprint ?? null })
  const freshAdminToken = office.makeFirstAdmin()
  const data = openDataPlane({ stores, clock, doorkeeper, metrics, trust: authority, leaseMs: settings.lease })
  const desk = new PolicyDesk(stores.policies, data)
  const operations: Operation[] = [
    ...healthOperations({ metrics, writes, policies: stores.policies }),
    ...policyOperations({ desk, policies: stores.policies, writes }),
    ...revisionOperations({ desk, policies: stores.policies, writes }),
    ...tokenOperations(office, writes),
    ...(identity?.operations(office, writes) ?? identityOperations(null)),
    ...auditOperations(stores.audit),
    ...data.operations,
  ]
  operations.push(openapiOperation(operations))
  const { app, server } = openServer(settings, data, identity)
  const onFault = (error: Error, operation: string) =>
    log(JSON.stringify({ level: 'error', operation, error: error.stack ?? error.message }))
  serve(app, operations, { doorkeeper, onFault })
  await app.ready()
  identity?.begin((hash) => data.withoutTrust(hash))
  return new RunningControlApi({ ...foundation, settings, stores, data, app, server, operations, freshAdminToken })
}

interface Assembled extends Foundation {
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

  get roots(): ControlRoots | null {
    const { identity, rootsFile: file } = this.#parts
    if (identity === null) return null
    const { trustDomain, trust, fingerprint, freshKeyFile } = identity.authority
    return { trustDomain, pem: trust.roots, fingerprint, file, freshKeyFile }
  }

  get operations(): readonly Operation[] {
    return this.#parts.operations
  }

  async listen(): Promise<{ host: string; port: number; url: string }> {
    const { app, settings, server, identity } = this.#parts
    await app.listen({ host: settings.host, port: settings.port })
    const { address, port } = server.address() as AddressInfo
    const scheme = identity === null ? 'http' : 'https'
    return { host: address, port, url: `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}` }
  }

  close({ graceMs = 5000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const { app, server, data, stores, identity } = this.#parts
    data.drain()
    const force = setTimeout(() => server.closeAllConnections(), graceMs)
    // A connection that falls idle only now is not closed by the server itself.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    await app.close()
    clearTimeout(force)
    clearInterval(sweep)
    data.close()
    await identity?.close()
    stores.close()
  }
}
