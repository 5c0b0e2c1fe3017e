/** The one place that reaches into grpc-js beyond its documentation: a channel over a socket of our own, whose streams say how they ended. */
import { constants, type OutgoingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import { Channel, type ChannelOptions, credentials, type InterceptingListener, status as Status, type StatusObject } from '@grpc/grpc-js'
import { MeshError } from '@zerohop/mesh-core/transport'

/** A call as a channel of grpc-js hands it to a client. */
export type ClientCall = ReturnType<Channel['createCall']>

/** What grpc-js tells its clients of the other end of a connection. */
export type AuthContext = NonNullable<ReturnType<ClientCall['getAuthContext']>>

/** The call of a server under which a client makes its own, as grpc-js hands it over. */
export type ParentCall = NonNullable<Parameters<Channel['createCall']>[3]>

/** One stream of a connection. Messages are framed, both ways. */
export interface InnerStream {
  /** The next message follows when `callback` was called. */
  sendMessageWithContext(context: { callback(): void }, message: Buffer): void
  halfClose(): void
  startRead(): void
  cancelWithStatus(code: Status, details: string): void
  getAuthContext(): AuthContext
}

/** What is known of the end of a stream besides its status. */
export type StreamEnd =
  /** The server said that nobody has looked at it: by REFUSED_STREAM, or by a GOAWAY that leaves it out. */
  | 'refused'
  /** The connection was lost. */
  | 'lost'
  /** The server cut it off and said no status; the connection lives. */
  | 'cut'
  /** This end would not send or take a message, by its own options. */
  | 'own'
  /** The server's own status, or one that grpc-js derives from its HTTP answer. */
  | 'answered'

/** A connected byte stream, and whether it is TLS. */
export interface OpenSocket {
  readonly socket: Duplex
  readonly secured: boolean
}

type OpenStream = (...args: [{ toHttp2Headers(): OutgoingHttpHeaders }, string, string, InterceptingListener, number]) => InnerStream
interface Subchannel {
  readonly connector: { tcpConnect(): Promise<Duplex> }
  readonly secureConnector: { connect(socket: Duplex): Promise<{ socket: Duplex; secure: boolean }> }
  readonly createCall: OpenStream
}
interface SubchannelPool {
  getOrCreateSubchannel(...args: unknown[]): Subchannel
}

// Neither is this address asked nor a name looked up: the socket comes from whoever opens the channel.
const nowhere = 'ipv4:127.0.0.1:1'

/** A channel of grpc-js, without the layers above its connection that would choose another one, repeat calls, or time them. */
export class InnerChannel {
  /** For its state alone. */
  readonly channel: Channel
  #subchannel: Subchannel | null = null

  /**
   * @param open makes the connection; called whenever grpc-js connects
   * @throws MeshError BAD_OPTIONS where grpc-js is built otherwise than this file knows it
   */
  constructor(options: ChannelOptions, open: () => Promise<OpenSocket>) {
    this.channel = new Channel(nowhere, credentials.createInsecure(), options)
    const inside = fieldOf(this.channel, 'internalChannel', 'object')
    const pool = fieldOf(inside, 'subchannelPool', 'object') as SubchannelPool
    fieldOf(pool, 'getOrCreateSubchannel', 'function')
    const make = pool.getOrCreateSubchannel
    pool.getOrCreateSubchannel = (...args) => {
      this.#subchannel ??= overSocketOf(make.apply(pool, args), open)
      return this.#subchannel
    }
  }

  /**
   * Opens a stream over a connection that is ready.
   * @throws Error where the connection has just ended
   */
  openStream(headers: OutgoingHttpHeaders, to: { path: string; authority: string }, listener: InterceptingListener): InnerStream {
    return (this.#subchannel as Subchannel).createCall({ toHttp2Headers: () => headers }, to.authority, to.path, listener, 0)
  }
}

/** The status of a stream that was asked for calm, also where grpc-js speaks of the write that this broke off. */
export function unmasked(status: StatusObject & { rstCode?: number }): StatusObject & { rstCode?: number } {
  if (status.rstCode !== constants.NGHTTP2_ENHANCE_YOUR_CALM || status.code === Status.RESOURCE_EXHAUSTED) return status
  return { ...status, code: Status.RESOURCE_EXHAUSTED, details: 'Bandwidth exhausted or memory limit exceeded' }
}

/**
 * How a stream ended, by its status as `unmasked` gives it.
 * @param isGone true where its connection is no more: then it is not the server that cut it off
 */
export function streamEnd(status: StatusObject & { rstCode?: number }, isGone: boolean): StreamEnd {
  const { code, details } = status
  const isReset = 'rstCode' in status
  if (isReset && status.rstCode === constants.NGHTTP2_REFUSED_STREAM) return 'refused'
  // In the words of grpc-js, which has no other mark for either. A server that uses the same words is believed; nothing is repeated for it.
  if (code === Status.UNAVAILABLE && (isReset || details === 'Connection dropped')) return 'lost'
  if (code === Status.RESOURCE_EXHAUSTED && details.startsWith('Received message larger than max')) return 'own'
  if (!isReset) return 'answered'
  return isGone && code !== Status.RESOURCE_EXHAUSTED ? 'lost' : 'cut'
}

function overSocketOf(subchannel: Subchannel, open: () => Promise<OpenSocket>): Subchannel {
  const { connector, secureConnector } = subchannel
  fieldOf(connector, 'tcpConnect', 'function')
  fieldOf(secureConnector, 'connect', 'function')
  fieldOf(subchannel, 'createCall', 'function')
  let secure = false
  connector.tcpConnect = async () => {
    const opened = await open()
    secure = opened.secured
    return withNoDelay(opened.socket)
  }
  secureConnector.connect = (socket) => Promise.resolve({ socket, secure })
  return subchannel
}

/**
 * A field of grpc-js that its documentation does not promise.
 * @throws MeshError BAD_OPTIONS where it is not there
 */
export function fieldOf(owner: unknown, name: string, type: 'function' | 'object'): unknown {
  const value = (owner as Record<string, unknown> | null | undefined)?.[name]
  if (typeof value === type && value !== null) return value
  throw new MeshError({
    code: 'BAD_OPTIONS',
    message: `@grpc/grpc-js: this copy has no "${name}" where the mesh needs it; install a version that satisfies the peer dependency of @zerohop/mesh-grpc`,
  })
}

// grpc-js asks this of every socket; one that stands in for a socket in a test has nothing to delay.
function withNoDelay(socket: Duplex): Duplex {
  if (!('setNoDelay' in socket)) Object.assign(socket, { setNoDelay: () => socket })
  return socket
}
