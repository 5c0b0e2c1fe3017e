/** The bottom of the client's stack over sockets: carries one attempt over a channel to its endpoint. */
import { type InterceptingListener, type Metadata, status as Status, type StatusObject } from '@grpc/grpc-js'
import {
  bottomSend,
  type Call,
  type Endpoint,
  type ErrorCode,
  EXPIRED,
  LATE,
  MeshError,
  refusal,
  type Send,
  UNREACHED,
} from '@zerohop/mesh-core/transport'
import type { ChannelTable } from './channel-table.ts'
import type { Channels } from './channels.ts'
import type { Connection } from './connection.ts'
import { Exchange } from './exchange.ts'
import type { GrpcMessage } from './grpc-call.ts'
import type { AuthContext, BottomGround } from './grpc-reply.ts'
import { callEnd, type InnerCall } from './inner-channel.ts'

/** Makes the Send that carries attempts over `table`'s connections. */
export function grpcSend(table: ChannelTable, ground: BottomGround): Send {
  return bottomSend((call, give) => {
    const { options } = call.message as GrpcMessage
    // A call that lost its connection to the end of the mesh would try again, and be nobody's.
    if (table.closed) give(refusal(call, 'MESH_CLOSED', ground.parts.clock.now()))
    else new ChannelAttempt(call, ground, give).start(table.to(call.endpoint as Endpoint, options, ground.settings))
  })
}

class ChannelAttempt extends Exchange implements InterceptingListener {
  #channels: Channels | null = null
  #connection: Connection | null = null
  #inner: InnerCall | null = null
  // How much had come over the connection when this began.
  #heardBefore = 0

  start(channels: Channels): void {
    if (!this.begin()) return
    const { call, message } = this
    const now = this.ground.parts.clock.now()
    const connection = channels.claim(now)
    this.#channels = channels
    this.#connection = connection
    this.#heardBefore = connection.heard
    const inner = connection.createCall(message.path, message.host)
    this.#inner = inner
    if (message.credentials !== null) inner.setCredentials(message.credentials)
    inner.start(message.metadataAt(call, now), this)
    this.exchangeMessages()
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#hear()
    this.tellMetadata(metadata)
  }

  onReceiveMessage(message: Buffer): void {
    this.#hear()
    this.tellMessage(message)
  }

  onReceiveStatus(status: StatusObject): void {
    const connection = this.#connection as Connection
    connection.release()
    if (this.over) return
    const end = callEnd(this.#inner as InnerCall, status, connection.isGone)
    if (end === 'unstarted') {
      const error = connection.failure ?? new Error(status.details)
      this.lost(UNREACHED, { error, code: codeOf(error) })
      return
    }
    this.#hear()
    this.tellEnd(status, end)
  }

  writeMessage(message: Buffer, flags: number | undefined, written: () => void): void {
    const context = { callback: () => this.#written(written) }
    ;(this.#inner as InnerCall).sendMessageWithContext(flags === undefined ? context : { ...context, flags }, message)
  }

  endMessages(): void {
    this.#inner?.halfClose()
  }

  authContext(): AuthContext | null {
    return this.#inner?.getAuthContext() ?? null
  }

  override cancelled(call: Call): void {
    const connection = this.#connection
    const isSilent = connection?.isReady === true && connection.heard === this.#heardBefore
    if (isSilent && (call.ending === LATE || call.ending === EXPIRED)) this.#channels?.doubt(connection, this.ground.parts.clock.now())
    super.cancelled(call)
  }

  protected readWire(): void {
    this.#inner?.startRead()
  }

  protected stopWire(): void {
    // It comes back as a status, for the sake of the connection.
    this.#inner?.cancelWithStatus(Status.CANCELLED, 'the attempt is over')
  }

  #hear(): void {
    ;(this.#connection as Connection).heard++
  }

  #written(written: () => void): void {
    this.tellWritten()
    written()
  }
}

/** The code of an error that says why there is no connection; '' where the verdict says it all. */
function codeOf(error: Error): ErrorCode | '' {
  return MeshError.is(error) && error.code !== 'UNREACHED' ? error.code : ''
}
