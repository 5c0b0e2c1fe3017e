/** The service that the interop cases call, for a server of grpc-js. */
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import {
  type EchoStatus,
  type Empty,
  type PayloadResponse,
  type SimpleRequest,
  type StreamingInputRequest,
  type StreamingInputResponse,
  type StreamingOutputRequest,
  zeros,
} from './definition.ts'

/** Comes back in the head of the answer. */
export const echoInitial = 'x-grpc-test-echo-initial'
/** Comes back in the trailers. */
export const echoTrailing = 'x-grpc-test-echo-trailing-bin'

type Asked = { readonly metadata: Metadata; sendMetadata(metadata: Metadata): void }

/** The handlers, and what they have in hand. */
export class InteropService {
  /** Streams whose caller has neither had his answer nor left. */
  underWay = 0

  readonly handlers: UntypedServiceImplementation = {
    EmptyCall: (_call: ServerUnaryCall<Empty, Empty>, callback: sendUnaryData<Empty>) => callback(null, {}),

    UnaryCall: (call: ServerUnaryCall<SimpleRequest, PayloadResponse>, callback: sendUnaryData<PayloadResponse>) => {
      const { responseSize = 0, responseStatus } = call.request
      const trailers = echo(call)
      if (responseStatus) callback(statusOf(responseStatus, trailers))
      else callback(null, { payload: zeros(responseSize) }, trailers)
    },

    StreamingInputCall: (
      call: ServerReadableStream<StreamingInputRequest, StreamingInputResponse>,
      callback: sendUnaryData<StreamingInputResponse>,
    ) => {
      const done = this.#begun(call)
      let aggregatedPayloadSize = 0
      call.on('data', ({ payload }: StreamingInputRequest) => {
        aggregatedPayloadSize += payload?.body.length ?? 0
      })
      call.on('end', () => {
        done()
        if (!call.cancelled) callback(null, { aggregatedPayloadSize })
      })
    },

    StreamingOutputCall: (call: ServerWritableStream<StreamingOutputRequest, PayloadResponse>) => {
      answer(call, call.request)
      call.end()
    },

    FullDuplexCall: (call: ServerDuplexStream<StreamingOutputRequest, PayloadResponse>) => {
      const done = this.#begun(call)
      const trailers = echo(call)
      let isOver = false
      call.on('data', (request: StreamingOutputRequest) => {
        if (isOver) return
        const { responseStatus } = request
        if (!responseStatus) return answer(call, request)
        isOver = true
        done()
        call.emit('error', statusOf(responseStatus, trailers))
      })
      call.on('end', () => {
        done()
        if (!isOver) call.end(trailers)
      })
    },
  }

  #begun(call: NodeJS.EventEmitter): () => void {
    this.underWay++
    let isDone = false
    const done = (): void => {
      if (!isDone) this.underWay--
      isDone = true
    }
    call.once('cancelled', done)
    return done
  }
}

function answer(call: { write(response: PayloadResponse): boolean }, { responseParameters = [] }: StreamingOutputRequest): void {
  for (const { size } of responseParameters) call.write({ payload: zeros(size) })
}

/** Echoes into the head at once; returns the trailers to end with. */
function echo(call: Asked): Metadata {
  const initial = part(call.metadata, echoInitial)
  if (initial.get(echoInitial).length > 0) call.sendMetadata(initial)
  return part(call.metadata, echoTrailing)
}

function part(metadata: Metadata, name: string): Metadata {
  const picked = new Metadata()
  for (const value of metadata.get(name)) picked.add(name, value)
  return picked
}

function statusOf({ code, message }: EchoStatus, metadata: Metadata): StatusObject {
  return { code, details: message, metadata }
}
