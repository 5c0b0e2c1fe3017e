/** The one place that reaches into a grpc-js server: its connections, its streams before it sees them, and what its handlers throw. */
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import {
  type ConnectionInjector,
  experimental,
  type Server,
  ServerCredentials,
  type ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js'
import { currentAmbient, MeshError } from '@zerohop/mesh-core/transport'

/** A call of grpc-js as interceptors see it: below, what the wire is told; above, what the handler is told through the listener. */
export type InterceptingCall = Parameters<ServerInterceptor>[1]

/** What a handler is told. */
export type InterceptingListener = Parameters<InterceptingCall['start']>[0]

/** Whoever stands between the wire and the handlers. */
export interface HostOwner {
  /** A connection has become a session. */
  session(session: ServerHttp2Session): void
  /** A stream has begun, and grpc-js has not seen it: it gets it by `dispatch`. */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
}

/** Puts itself between grpc-js and the handler, which stands behind what it returns. */
export type Attach = (call: InterceptingCall, streams: Streams) => InterceptingCall

/** Which sides of a method are streams. */
export type Streams = Pick<Parameters<ServerInterceptor>[0], 'requestStream' | 'responseStream'>

/** The inbound request of a call of gRPC, as the handler that runs under it can be found by what it throws. */
export interface HandlerWatcher {
  /** The handler threw, or the promise that it returned was rejected; `answered` where grpc-js answers the caller itself. */
  handlerFailed(error: unknown, answered: boolean): void
}

/** An Ambient that knows its call. */
interface WatchedAmbient {
  readonly watcher?: HandlerWatcher
}

/** A handler as grpc-js keeps it. */
interface Registered {
  func: (...args: unknown[]) => unknown
  readonly type: string
}

/** What of a Server is private to grpc-js. */
interface Inside {
  readonly http2Servers: ReadonlyMap<Http2Server, unknown>
  readonly handlers: ReadonlyMap<string, Registered>
}

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void

interface Http2Server {
  on(event: 'session', listener: (session: ServerHttp2Session) => void): this
  on(event: 'stream', listener: StreamListener): this
  listeners(event: string): unknown[]
  removeAllListeners(event: string): this
}

// Handlers that report what they throw already: a server may be served on two ports.
const watched = new WeakSet<Registered['func']>()

/** A grpc-js server without a port of its own. */
export class GrpcHost {
  readonly #inside: Inside
  readonly #injector: ConnectionInjector
  readonly #toGrpc: StreamListener
  #attach: Attach | null = null

  /** @throws MeshError BAD_OPTIONS where this version of grpc-js is not as it must be */
  constructor(server: Server, owner: HostOwner) {
    this.#inside = insideOf(server)
    const before = new Set(this.#inside.http2Servers.keys())
    this.#injector = injectorOf(server, (method, call) => this.#intercept(call, method))
    const added = [...this.#inside.http2Servers.keys()].filter((candidate) => !before.has(candidate))
    const http2 = expected(added.length === 1, added[0], 'a connection injector adds one HTTP/2 server')
    const listeners = http2.listeners('stream')
    this.#toGrpc = expected(listeners.length === 1, listeners[0] as StreamListener, 'its HTTP/2 server has one listener of streams')
    http2.removeAllListeners('stream')
    http2.on('stream', (stream, headers) => owner.stream(stream, headers))
    http2.on('session', (session) => owner.session(session))
  }

  /** Serves a connection, whose 'session' the owner hears of in this tick. It is plain HTTP/2 by now. */
  inject(connection: Duplex): void {
    this.#injector.injectConnection(connection)
  }

  /** True where a handler stands behind this path. */
  knows(path: string): boolean {
    return this.#inside.handlers.has(path)
  }

  /** The services that have handlers, such as `shop.Payment`. */
  services(): Set<string> {
    return new Set([...this.#inside.handlers.keys()].map((path) => path.slice(1, path.lastIndexOf('/'))))
  }

  /** Hands a stream to grpc-js; `attach` is called in this tick, unless grpc-js answers without a handler. */
  dispatch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, attach: Attach | null): void {
    const handler = this.#inside.handlers.get(headers[':path'] as string)
    if (handler !== undefined && !watched.has(handler.func)) watch(handler)
    this.#attach = attach
    try {
      this.#toGrpc(stream, headers, 0)
    } finally {
      this.#attach = null
    }
  }

  /** Ends what is left. */
  destroy(): void {
    this.#injector.destroy()
  }

  #intercept(call: InterceptingCall, streams: Streams): ServerInterceptingCall {
    const attach = this.#attach
    // grpc-js asks of what an interceptor returns what it asks of a call, and nothing that only its own class has.
    return (attach === null ? call : attach(call, streams)) as unknown as ServerInterceptingCall
  }
}

function insideOf(server: Server): Inside {
  const inside = server as unknown as Inside
  expected(
    inside.http2Servers instanceof Map && inside.handlers instanceof Map,
    server,
    'a Server keeps maps of HTTP/2 servers and of handlers',
  )
  return inside
}

function injectorOf(server: Server, interceptor: ServerInterceptor): ConnectionInjector {
  const withInterceptors = experimental.createServerCredentialsWithInterceptors
  expected(typeof withInterceptors === 'function', server, 'credentials can carry interceptors')
  try {
    return server.createConnectionInjector(withInterceptors(ServerCredentials.createInsecure(), [interceptor]))
  } catch (cause) {
    const message = 'serveGrpc: the server comes from another copy of @grpc/grpc-js than the one that mesh-grpc finds; install one for both'
    throw new MeshError({ code: 'BAD_OPTIONS', message, cause })
  }
}

function expected<T>(holds: boolean, value: T | undefined, what: string): T {
  if (holds && value !== undefined) return value
  const message = `serveGrpc: this version of @grpc/grpc-js is built otherwise than mesh-grpc needs (${what}); install 1.14.x`
  throw new MeshError({ code: 'BAD_OPTIONS', message })
}

// grpc-js answers for a handler that throws and tells nobody why; a promise that a handler returns it does not look at, and a rejection ends
// the process.
function watch(handler: Registered): void {
  const { func } = handler
  handler.func = (...args) => {
    const watcher = (currentAmbient() as WatchedAmbient | null)?.watcher
    if (watcher === undefined) return func(...args)
    try {
      const returned = func(...args)
      if (isThenable(returned)) returned.then(undefined, (error) => watcher.handlerFailed(error, false))
      return returned
    } catch (error) {
      watcher.handlerFailed(error, true)
      throw error
    }
  }
  watched.add(handler.func)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
