/** The bottom of the client's stack over sockets: carries one attempt over a connection to its endpoint. */
import type { OutgoingHttpHeaders } from 'node:http2'
import { type InterceptingListener, Metadata, status as Status, type StatusObject } from '@grpc/grpc-js'
import {
  BROKEN,
  bottomSend,
  type Call,
  type ConnectionTable,
  type Endpoint,
  type ErrorCode,
  EXPIRED,
  LATE,
  MeshError,
  refusal,
  type Send,
  UNREACHED,
} from '@zerohop/mesh-core/transport'
import { withCredentials } from './call-credentials.ts'
import type { Channels } from './channels.ts'
import type { Connection } from './connection.ts'
import type { EndpointChannels } from './endpoint-channels.ts'
import { Exchange } from './exchange.ts'
import type { GrpcMessage } from './grpc-call.ts'
import type { AuthContext, BottomGround } from './grpc-reply.ts'
import { type InnerStream, streamEnd, unmasked } from './inner-channel.ts'
import { type BadMessage, framed, unframed } from './message-coding.ts'
import type { Passenger } from './passengers.ts'

/** Makes the Send that carries attempts over `table`'s connections. */
export function grpcSend(table: ConnectionTable<EndpointChannels>, ground: BottomGround): Send {
  return bottomSend((call, give) => {
    const { options } = call.message as GrpcMessage
    // A call that lost its connection to the end of the mesh would try again, and be nobody's.
    if (table.closed) give(refusal(call, 'MESH_CLOSED', ground.parts.clock.now()))
    else new StreamAttempt(call, ground, give).start(table.to(call.endpoint as Endpoint, ground.settings).of(options))
  })
}

class StreamAttempt extends Exchange implements Passenger, InterceptingListener {
  #channels: Channels | null = null
  #connection: Connection | null = null
  #isAboard = false
  #stream: InnerStream | null = null
  // How much had come over the connection when this began.
  #heardBefore = 0
  #sentCoding = 'identity'
  #receivedCoding = 'identity'
  // While a message is being compressed, or decompressed, what follows it waits.
  #isPacking = false
  #endsAfter = false
  #isUnpacking = false
  #endAfter: StatusObject | null = null

  start(channels: Channels): void {
    if (!this.begin()) return
    this.#channels = channels
    this.#connection = channels.claim(this.heardAt)
    this.#isAboard = true
    this.#connection.enter(this)
  }

  connected(): void {
    const { message, call } = this
    const { coding } = message.options
    const connection = this.#connection as Connection
    const headers = message.headersAt(call, this.ground.parts.clock.now())
    if (coding !== 'identity' && connection.understands(coding)) {
      this.#sentCoding = coding
      headers['grpc-encoding'] = coding
    }
    // What the attempt before this one wrote there stands there still.
    else if ('grpc-encoding' in headers) delete headers['grpc-encoding']
    this.#heardBefore = connection.heard
    if (message.credentials === null) this.#open(headers)
    else {
      withCredentials(message.credentials, { path: message.path, authority: connection.authority(message.host), headers })
        .then(
          (complete) => this.#open(complete),
          (error: BadMessage) => this.endHere(error),
        )
        .catch((error: unknown) => this.broke(error))
    }
  }

  denied(error: Error): void {
    const refused = this.#connection?.isReady === true
    this.#leave()
    this.lost(UNREACHED, { error, code: codeOf(error), refused })
  }

  broke(error: unknown): void {
    this.lost(BROKEN, { error: error instanceof Error ? error : new Error(String(error)), code: '', refused: false })
    this.stopWire()
  }

  onReceiveMetadata(metadata: Metadata): void {
    const connection = this.#connection as Connection
    connection.heard++
    const [coding] = metadata.get('grpc-encoding')
    if (typeof coding === 'string') {
      this.#receivedCoding = coding
      metadata.remove('grpc-encoding')
    }
    const [understood] = metadata.get('grpc-accept-encoding')
    if (typeof understood === 'string') {
      connection.understood = understood
      metadata.remove('grpc-accept-encoding')
    }
    this.tellMetadata(metadata)
  }

  onReceiveMessage(frame: Buffer): void {
    ;(this.#connection as Connection).heard++
    if (this.over) return
    const message = unframed(frame, this.#receivedCoding, this.message.options.mostReceivedBytes)
    if (!(message instanceof Promise)) {
      this.tellMessage(message)
      return
    }
    this.#isUnpacking = true
    message.then(
      (unpacked) => process.nextTick(unpack, this, unpacked),
      (error: BadMessage) => process.nextTick(endHere, this, error),
    )
  }

  /** A message has been decompressed. */
  unpacked(message: Buffer): void {
    this.#isUnpacking = false
    this.tellMessage(message)
    if (this.#endAfter !== null) this.#end(this.#endAfter)
  }

  onReceiveStatus(status: StatusObject): void {
    ;(this.#connection as Connection).heard++
    this.#leave()
    if (this.#isUnpacking) this.#endAfter = status
    else this.#end(status)
  }

  writeMessage(message: Buffer, flags: number | undefined, written: () => void): void {
    const frame = framed(message, this.#sentCoding, flags ?? 0)
    if (!(frame instanceof Promise)) {
      this.#write(frame, written)
      return
    }
    this.#isPacking = true
    frame.then(
      (packed) => {
        this.#isPacking = false
        if (this.over) return
        this.#write(packed, written)
        if (this.#endsAfter) this.endMessages()
      },
      (error: BadMessage) => process.nextTick(endHere, this, error),
    )
  }

  endMessages(): void {
    if (this.#isPacking) this.#endsAfter = true
    else this.#stream?.halfClose()
  }

  authContext(): AuthContext | null {
    return this.#stream?.getAuthContext() ?? null
  }

  override cancelled(call: Call): void {
    const connection = this.#connection
    const isSilent = connection?.isReady === true && connection.heard === this.#heardBefore
    if (isSilent && (call.ending === LATE || call.ending === EXPIRED)) this.#channels?.doubt(connection, this.ground.parts.clock.now())
    super.cancelled(call)
  }

  protected readWire(): void {
    this.#stream?.startRead()
  }

  protected stopWire(): void {
    if (this.#stream === null) this.#leave()
    // It comes back as a status, with which this leaves the connection.
    else this.#stream.cancelWithStatus(Status.CANCELLED, 'the attempt is over')
  }

  #open(headers: OutgoingHttpHeaders): void {
    // The call may have ended while its credentials were made.
    if (this.over) return
    try {
      this.#stream = (this.#connection as Connection).openStream(headers, this.message, this)
    } catch (error) {
      this.denied(error as Error)
      return
    }
    this.exchangeMessages()
  }

  #write(frame: Buffer, written: () => void): void {
    ;(this.#stream as InnerStream).sendMessageWithContext(
      {
        callback: () => {
          this.tellWritten()
          written()
        },
      },
      frame,
    )
  }

  #end(ended: StatusObject): void {
    if (this.over) return
    const status = unmasked(ended)
    this.tellEnd(status, streamEnd(status, (this.#connection as Connection).isGone))
  }

  /** This end cannot go on: by its own doing, unless the server sent what is no message. */
  endHere({ code, message }: BadMessage): void {
    if (this.over) return
    const isServers = this.#isUnpacking && code !== Status.RESOURCE_EXHAUSTED
    // Before the program hears of it, which may throw.
    this.stopWire()
    this.tellEnd({ code, details: message, metadata: new Metadata() }, isServers ? 'answered' : 'own')
  }

  #leave(): void {
    if (!this.#isAboard) return
    this.#isAboard = false
    ;(this.#connection as Connection).leave(this)
  }
}

function unpack(attempt: StreamAttempt, message: Buffer): void {
  attempt.unpacked(message)
}

function endHere(attempt: StreamAttempt, error: BadMessage): void {
  attempt.endHere(error)
}

/** The code of an error that says why there is no connection; '' where the verdict says it all. */
function codeOf(error: Error): ErrorCode | '' {
  return MeshError.is(error) && error.code !== 'UNREACHED' ? error.code : ''
}
