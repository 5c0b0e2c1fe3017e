/** What interop.proto defines, as grpc-js takes it, and the types of what its methods take and give. */
import { fileURLToPath } from 'node:url'
import {
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  loadPackageDefinition,
  type Metadata,
  type requestCallback,
  type ServiceDefinition,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { ClientConstructor } from '@zerohop/mesh-grpc'

/** A message without a field. */
export type Empty = Record<string, never>

/** Bytes that nobody reads. */
export interface Payload {
  readonly body: Buffer
}

/** How a call is to end instead of with OK. */
export interface EchoStatus {
  readonly code: number
  readonly message: string
}

/** Of UnaryCall. */
export interface SimpleRequest {
  readonly responseSize?: number
  readonly payload?: Payload | null
  readonly responseStatus?: EchoStatus | null
}

/** Of StreamingInputCall: one of many. */
export interface StreamingInputRequest {
  readonly payload?: Payload | null
}

/** Of StreamingInputCall. */
export interface StreamingInputResponse {
  readonly aggregatedPayloadSize: number
}

/** Of StreamingOutputCall, and one of many of FullDuplexCall. */
export interface StreamingOutputRequest {
  readonly responseParameters?: readonly { readonly size: number }[]
  readonly payload?: Payload | null
  readonly responseStatus?: EchoStatus | null
}

/** Of UnaryCall, and one of many of the streams. */
export interface PayloadResponse {
  readonly payload: Payload | null
}

type Saying = [metadata: Metadata, options: CallOptions]
type Unary<Request, Response> = (...args: [Request, ...Saying, requestCallback<Response>]) => ClientUnaryCall

/** A client of `grpc.testing.TestService`. */
export interface TestServiceClient extends Client {
  readonly emptyCall: Unary<Empty, Empty>
  readonly unaryCall: Unary<SimpleRequest, PayloadResponse>
  readonly streamingInputCall: (
    ...args: [...Saying, requestCallback<StreamingInputResponse>]
  ) => ClientWritableStream<StreamingInputRequest>
  readonly streamingOutputCall: (...args: [StreamingOutputRequest, ...Saying]) => ClientReadableStream<PayloadResponse>
  readonly fullDuplexCall: (...args: Saying) => ClientDuplexStream<StreamingOutputRequest, PayloadResponse>
  readonly unimplementedCall: Unary<Empty, Empty>
}

interface Testing {
  readonly grpc: {
    readonly testing: {
      readonly TestService: ClientConstructor<TestServiceClient> & { readonly service: ServiceDefinition }
      readonly UnimplementedService: { readonly service: ServiceDefinition }
    }
  }
}

const path = fileURLToPath(new URL('interop.proto', import.meta.url))
const { TestService, UnimplementedService } = (loadPackageDefinition(loadSync(path, { defaults: true })) as unknown as Testing).grpc.testing

/** Makes clients of the service. */
export const TestClient = TestService

/** The path of a method of a service that nobody serves; it takes and gives what `unimplementedCall` does. */
export const unservedPath = (UnimplementedService.service.UnimplementedCall as { path: string }).path

const { UnimplementedCall: _unserved, ...served } = TestService.service

/** What servers serve: all of the service but the method that nobody serves. */
export const servedDefinition: ServiceDefinition = served

/** So many zeros. */
export function zeros(bytes: number): Payload {
  return { body: Buffer.alloc(bytes) }
}
