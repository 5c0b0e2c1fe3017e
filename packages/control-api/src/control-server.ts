/** The server of the control API, and the router on it: every bound that holds before anybody is known. */
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import fastify, { type FastifyInstance } from 'fastify'
import type { DataPlane } from './data-plane.ts'
import type { IdentityPlane } from './identity-plane.ts'
import { problemOf, refuse, refuseUnread } from './routes/serve.ts'
import type { ControlSettings } from './settings.ts'

// Heads and bodies that do not come in time are not waited for; a parked poll has been received and is not concerned.
const headMs = 10_000
const requestMs = 30_000
const checkMs = 5000
// Longer than load balancers and clients keep a connection, so that they are the ones who close it.
const keepAliveMs = 75_000
// A poll names up to a thousand services in its URL.
const maxHeaderSize = 131_072

/** A router and a server, of TLS where there is an identity. Polls go to `data` before the router sees them. */
export function openServer(
  settings: ControlSettings,
  data: DataPlane,
  identity: IdentityPlane | null,
): { readonly app: FastifyInstance; readonly server: Server } {
  const options: ServerOptions = {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    maxHeaderSize,
    noDelay: true,
  }
  const server = identity === null ? createServer(options) : tlsServer(options, identity)
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

// A function, and not the list that node has by default: of a list it gives every connection a copy, and each copy keeps a whole slab of node's
// pool of buffers alive, which is 8 kB for every poll that is parked.
function protocolOf({ protocols }: { readonly protocols: string[] }): string | undefined {
  return protocols.find((protocol) => protocol === 'http/1.1')
}

function tlsServer(options: ServerOptions, { front }: IdentityPlane): Server {
  // Asked for, not demanded: who has no certificate yet comes with a token, and whose has expired is told so.
  const handshake = { handshakeTimeout: headMs, requestCert: true, rejectUnauthorized: false, ALPNCallback: protocolOf }
  const server = createTlsServer({ ...options, ...front.options, ...handshake })
  front.serve(server)
  // A server of TLS has all that one of plain HTTP has, which is what the router asks for.
  return server as unknown as Server
}
