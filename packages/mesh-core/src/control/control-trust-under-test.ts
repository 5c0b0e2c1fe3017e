/** A control API with a certificate of a test, and clients that believe it or do not. */
import { createHash, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach } from 'vitest'
import { systemClock } from '../kernel/clock.ts'
import { ControlClient } from './control-client.ts'
import { NodeControlHttp } from './control-http.ts'
import { ControlTrust } from './control-trust.ts'

export const plainToken = `zh_${'a'.repeat(12)}_${'b'.repeat(43)}`
export const question = { method: 'GET', path: '/v1/documents/cart', limitMs: 5000 } as const

export const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** A certificate of a test. */
export interface Shown {
  readonly pem: string
  readonly keyPem: string
  readonly publicKey: KeyObject
}

export function pinned(root: Shown): string {
  const key = root.publicKey.export({ type: 'spki', format: 'der' })
  return `${plainToken}_${createHash('sha256').update(key).digest('base64url')}`
}

interface Seen {
  readonly line: string
  readonly serial: string
  readonly port: number
  readonly isResumed: boolean
}

/** A control API that tells the roots of `told` and answers everything else by `status`. */
export async function serveUnder(
  root: Shown,
  certificate: Shown,
  options: { told?: Shown | number; links?: readonly Shown[]; status?: (seen: Seen) => number | Promise<number> } = {},
) {
  const seen: Seen[] = []
  const { told = root, links = [], status = () => 200 } = options
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { serialNumber = '' } = (request.socket as TLSSocket).getPeerCertificate()
    const one = {
      line: `${request.url} ${request.headers.authorization ?? '-'}`,
      serial: serialNumber,
      port: request.socket.remotePort ?? 0,
      isResumed: (request.socket as TLSSocket).isSessionReused(),
    }
    seen.push(one)
    if (request.url !== '/v1/identity/roots') response.writeHead(await status(one)).end('{}')
    else if (typeof told === 'number') response.writeHead(told).end('{}')
    else response.end(JSON.stringify({ trustDomain: 'test.zerohop', roots: [told.pem], links: links.map(({ pem }) => pem) }))
  }
  const tls = { cert: certificate.pem, key: certificate.keyPem, ca: root.pem, requestCert: true, rejectUnauthorized: false }
  const server = createServer(tls, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close().closeAllConnections())
  const connections = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
  return {
    seen,
    connections,
    cut: () => server.closeAllConnections(),
    address: `https://localhost:${(server.address() as AddressInfo).port}`,
  }
}

export function clientOf(address: string, token: string, options: { ca?: string; wallNow?: () => number; trust?: ControlTrust } = {}) {
  const http = new NodeControlHttp()
  cleanups.push(() => http.close())
  const trust = options.trust ?? new ControlTrust({ ca: options.ca ?? null, wallNow: options.wallNow ?? Date.now })
  return { trust, client: new ControlClient({ addresses: [address], token: () => token, http, trust, clock: systemClock }) }
}
