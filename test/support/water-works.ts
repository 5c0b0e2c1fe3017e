/** A gRPC service of bytes for journeys: a question, a stream that is poured as fast as it is drunk, and a talk. */

import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Metadata,
  makeGenericClientConstructor,
  type requestCallback,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { ClientConstructor } from '@zerohop/mesh-grpc'

const asItIs = (bytes: Buffer): Buffer => bytes

function method(name: string, requestStream: boolean, responseStream: boolean) {
  const coding = { requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs }
  return { path: `/journey.WaterWorks/${name}`, requestStream, responseStream, ...coding }
}

/** Methods whose messages are bytes as they are. */
export const waterWorks: ServiceDefinition = {
  ask: method('ask', false, false),
  pour: method('pour', false, true),
  talk: method('talk', true, true),
}

/** What `pour` is asked for, as JSON. */
export interface Pouring {
  readonly messages: number
  readonly bytesEach: number
  /** Between two messages. */
  readonly pauseMs: number
}

/** A client of it. */
export interface WaterClient extends Client {
  readonly ask: (...args: [Buffer, Metadata, CallOptions, requestCallback<Buffer>]) => ClientUnaryCall
  readonly pour: (request: Buffer) => ClientReadableStream<Buffer>
  readonly talk: () => ClientDuplexStream<Buffer, Buffer>
}

/** Makes clients of it. */
export const WaterWorksClient = makeGenericClientConstructor(waterWorks, 'WaterWorks') as unknown as ClientConstructor<WaterClient>

/** Handlers of an instance, which answers questions with its name. */
export function waterWorksOf(instance: string): UntypedServiceImplementation {
  return {
    ask: (_call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => callback(null, Buffer.from(instance)),
    pour: (call: ServerWritableStream<Buffer, Buffer>) => void pour(call, JSON.parse(call.request.toString()) as Pouring),
    talk: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (said: Buffer) => call.write(said)).on('end', () => call.end())
    },
  }
}

async function pour(call: ServerWritableStream<Buffer, Buffer>, { messages, bytesEach, pauseMs }: Pouring): Promise<void> {
  const gone = new AbortController()
  call.on('cancelled', () => gone.abort())
  try {
    for (let n = 0; n < messages && !gone.signal.aborted; n++) {
      if (pauseMs > 0) await pause(pauseMs)
      // A buffer of its own each time, as a program makes them: what is held back shows in its memory.
      if (!call.write(Buffer.alloc(bytesEach, n))) await once(call, 'drain', { signal: gone.signal })
    }
    call.end()
  } catch {
    // Nobody listens any more.
  }
}
