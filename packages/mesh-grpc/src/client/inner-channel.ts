/** The one place that reaches into grpc-js beyond its documentation: channels over sockets of our own, whose calls say how they ended. */
import type { Duplex } from 'node:stream'
import { Channel, type ChannelOptions, credentials, type InterceptingListener, status as Status } from '@grpc/grpc-js'
import { MeshError } from '@zerohop/mesh-core/transport'

/** A call of grpc-js, by the face that it gives to its own clients. */
export type InnerCall = ReturnType<Channel['createCall']>

/** The call of a server under which a client makes its own, as grpc-js hands it over. */
export type ParentCall = NonNullable<Parameters<Channel['createCall']>[3]>

/** A status as grpc-js hands it over. */
export type InnerStatus = Parameters<InterceptingListener['onReceiveStatus']>[0]

/** What is known of the end of a call besides its status. */
export type CallEnd =
  /** The stream was never opened: not a byte of the call has left. */
  | 'unstarted'
  /** The server said that nobody has looked at the stream: by REFUSED_STREAM, or by a GOAWAY that leaves it out. */
  | 'refused'
  /** The connection was lost while the stream was open. */
  | 'lost'
  /** The server cut the stream off and said no status; the connection lives. */
  | 'cut'
  /** This end would not take the answer: it is larger than the program's own options let it be. */
  | 'oversized'
  /** The server's own status, or one that grpc-js derives from its HTTP answer. */
  | 'answered'

/** A connected byte stream, and whether it is TLS. */
export interface OpenSocket {
  readonly socket: Duplex
  readonly secured: boolean
}

/** What a channel is made of. */
export interface InnerChannelStart {
  readonly options: ChannelOptions
  /** Makes the connection. Called anew whenever grpc-js connects; what it rejects with ends the attempt to connect. */
  open(): Promise<OpenSocket>
}

/** A status with what grpc-js adds to it below its retries. */
interface TracedStatus extends InnerStatus {
  readonly progress?: string
  readonly rstCode?: number
}

type Connector = { tcpConnect(): Promise<Duplex> }
type SecureConnector = { connect(socket: Duplex): Promise<{ socket: Duplex; secure: boolean }> }
type Subchannel = { connector: Connector; secureConnector: SecureConnector }
type SubchannelPool = { getOrCreateSubchannel(...args: unknown[]): Subchannel }
type MakeCall = (...args: unknown[]) => InnerCall
type Inside = { subchannelPool: SubchannelPool; createRetryingCall: MakeCall; createLoadBalancingCall: MakeCall }

// A name is never looked up, nor this address asked: the socket comes from whoever opens the channel.
const nowhere = 'ipv4:127.0.0.1:1'

/**
 * Makes a channel that is one connection at a time, over the sockets of `start.open`, and that repeats nothing by itself.
 * @throws MeshError BAD_OPTIONS where grpc-js is built otherwise than this file knows it
 */
export function openInnerChannel(start: InnerChannelStart): Channel {
  const channel = new Channel(nowhere, credentials.createInsecure(), start.options)
  const inside = insideOf(channel)
  // grpc-js' own layer of retries strips from a status what tells a stream that nobody has looked at from one that failed.
  inside.createRetryingCall = (...args) => inside.createLoadBalancingCall(...args)
  const pool = inside.subchannelPool
  const make = pool.getOrCreateSubchannel
  pool.getOrCreateSubchannel = (...args) => {
    const subchannel = make.apply(pool, args)
    let secured = false
    checkedField(subchannel.connector, 'tcpConnect', 'function')
    checkedField(subchannel.secureConnector, 'connect', 'function')
    subchannel.connector.tcpConnect = async () => {
      const opened = await start.open()
      secured = opened.secured
      return withNoDelay(opened.socket)
    }
    subchannel.secureConnector.connect = (socket) => Promise.resolve({ socket, secure: secured })
    return subchannel
  }
  return channel
}

/**
 * How a call of a channel that was made here ended.
 * @param isGone true where the connection of the call is no more: then it is not the server that cut its stream off
 */
export function callEnd(call: InnerCall, status: InnerStatus, isGone: boolean): CallEnd {
  // Null until there is a transport under the call, as its documentation has it.
  if (call.getAuthContext() === null) return 'unstarted'
  const { code, details, progress } = status as TracedStatus
  if (progress === 'REFUSED') return 'refused'
  const isReset = 'rstCode' in status
  if (code === Status.UNAVAILABLE && (isReset || details === 'Connection dropped')) return 'lost'
  if (isReset) return isGone && code !== Status.RESOURCE_EXHAUSTED ? 'lost' : 'cut'
  // In the words of grpc-js, which has no other mark for it. A server that uses the same words is believed.
  if (code === Status.RESOURCE_EXHAUSTED && /^Received message (larger than max|that decompresses)/.test(details)) return 'oversized'
  return 'answered'
}

function insideOf(channel: Channel): Inside {
  const inside = (channel as unknown as { internalChannel?: Inside }).internalChannel
  checkedField({ internalChannel: inside }, 'internalChannel', 'object')
  checkedField(inside, 'createRetryingCall', 'function')
  checkedField(inside, 'createLoadBalancingCall', 'function')
  checkedField((inside as Inside).subchannelPool, 'getOrCreateSubchannel', 'function')
  return inside as Inside
}

function checkedField(owner: unknown, name: string, type: 'function' | 'object'): void {
  const value = (owner as Record<string, unknown> | null | undefined)?.[name]
  if (typeof value === type && value !== null) return
  throw new MeshError({
    code: 'BAD_OPTIONS',
    message: `@grpc/grpc-js: this copy has no ${name} where the mesh needs it; install a version that satisfies the peer dependency of @zerohop/mesh-grpc`,
  })
}

// grpc-js asks this of every socket; one that stands in for a socket in a test has nothing to delay.
function withNoDelay(socket: Duplex): Duplex {
  if (!('setNoDelay' in socket)) Object.assign(socket, { setNoDelay: () => socket })
  return socket
}
