/** The interop cases by which implementations of gRPC show that they understand each other, as gRPC's public description has them. */
import { type CallOptions, Metadata, status as Status } from '@grpc/grpc-js'
import { expect } from 'vitest'
import {
  type EchoStatus,
  type Empty,
  type PayloadResponse,
  type StreamingInputResponse,
  type StreamingOutputRequest,
  type TestServiceClient,
  unservedPath,
  zeros,
} from './definition.ts'
import { type Heard, heardAll, heardOnce } from './hearing.ts'
import { echoInitial, echoTrailing } from './interop-service.ts'

type Run = (client: TestServiceClient) => Promise<void>

const requestSizes = [27_182, 8, 1828, 45_904] as const
const responseSizes = [31_415, 9, 2653, 58_979] as const
const large = { responseSize: 314_159, payload: zeros(271_828) }

/** By the names of the description. */
export const interopCases: Readonly<Record<string, Run>> = {
  async empty_unary(client) {
    const heard = await heardOnce<Empty>((answered) => client.emptyCall({}, ...saying(), answered))
    expectOk(heard)
    expect(heard.messages).toEqual([{}])
  },

  async large_unary(client) {
    const heard = await unary(client, large)
    expectOk(heard)
    expect(heard.messages).toEqual([{ payload: zeros(large.responseSize) }])
  },

  async client_streaming(client) {
    const heard = await heardOnce<StreamingInputResponse>((answered) => {
      const call = client.streamingInputCall(...saying(), answered)
      for (const size of requestSizes) call.write({ payload: zeros(size) })
      call.end()
      return call
    })
    expectOk(heard)
    expect(heard.messages).toEqual([{ aggregatedPayloadSize: 74_922 }])
  },

  async server_streaming(client) {
    const responseParameters = responseSizes.map((size) => ({ size }))
    const heard = await heardAll<PayloadResponse>(client.streamingOutputCall({ responseParameters }, ...saying()))
    expectOk(heard)
    expect(sizesOf(heard)).toEqual(responseSizes)
  },

  async ping_pong(client) {
    const call = client.fullDuplexCall(...saying())
    let turn = 0
    const ask = (): void => {
      if (turn === requestSizes.length) return void call.end()
      call.write(ping(turn))
      turn++
    }
    ask()
    const heard = await heardAll<PayloadResponse>(call, ask)
    expectOk(heard)
    expect(sizesOf(heard)).toEqual(responseSizes)
  },

  async empty_stream(client) {
    const heard = await duplex(client, null)
    expectOk(heard)
    expect(heard.messages).toEqual([])
  },

  async cancel_after_begin(client) {
    const heard = await heardOnce<StreamingInputResponse>((answered) => {
      const call = client.streamingInputCall(...saying(), answered)
      // By then the head has left. A call that is cancelled in the tick of its birth grpc-js sends all the same, and nobody ever cancels it.
      setImmediate(() => call.cancel())
      return call
    })
    expect(heard.status.code).toBe(Status.CANCELLED)
  },

  async cancel_after_first_response(client) {
    const call = client.fullDuplexCall(...saying())
    call.write(ping(0))
    const heard = await heardAll<PayloadResponse>(call, () => call.cancel())
    expect(heard.status.code).toBe(Status.CANCELLED)
    expect(sizesOf(heard)).toEqual([responseSizes[0]])
  },

  async timeout_on_sleeping_server(client) {
    const call = client.fullDuplexCall(...saying({ deadline: Date.now() + 1 }))
    call.write({ payload: zeros(requestSizes[0]) })
    expect((await heardAll(call)).status.code).toBe(Status.DEADLINE_EXCEEDED)
  },

  async custom_metadata(client) {
    const trailing = Buffer.from([0xab, 0xab, 0xab])
    const metadata = new Metadata()
    metadata.set(echoInitial, 'test_initial_metadata_value')
    metadata.set(echoTrailing, trailing)
    const request = { responseParameters: [{ size: large.responseSize }], payload: large.payload }
    for (const heard of [await unary(client, large, metadata), await duplex(client, request, metadata)]) {
      expectOk(heard)
      expect(sizesOf(heard)).toEqual([large.responseSize])
      expect(heard.initial?.get(echoInitial)).toEqual(['test_initial_metadata_value'])
      expect(heard.status.metadata.get(echoTrailing)).toEqual([trailing])
    }
  },

  async status_code_and_message(client) {
    const responseStatus = { code: Status.UNKNOWN, message: 'test status message' }
    expectStatus(await unary(client, { responseStatus }), responseStatus)
    expectStatus(await duplex(client, { responseStatus }), responseStatus)
  },

  async special_status_message(client) {
    const responseStatus = {
      code: Status.UNKNOWN,
      message: '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP \u{1f608}\t\n',
    }
    expectStatus(await unary(client, { responseStatus }), responseStatus)
  },

  async unimplemented_method(client) {
    const heard = await heardOnce<Empty>((answered) => client.unimplementedCall({}, ...saying(), answered))
    expect(heard.status.code).toBe(Status.UNIMPLEMENTED)
  },

  async unimplemented_service(client) {
    const empty = (): Buffer => Buffer.alloc(0)
    const [metadata, options] = saying()
    const heard = await heardOnce<Empty>((answered) =>
      client.makeUnaryRequest<Empty, Empty>(...([unservedPath, empty, () => ({}), {}, metadata, options, answered] as const)),
    )
    expect(heard.status.code).toBe(Status.UNIMPLEMENTED)
  },
}

/** Of a call that would hang: no case takes a tenth of it. */
function saying(options: CallOptions = {}): [Metadata, CallOptions] {
  return [new Metadata(), { deadline: Date.now() + 20_000, ...options }]
}

function unary(
  client: TestServiceClient,
  request: Parameters<TestServiceClient['unaryCall']>[0],
  metadata = new Metadata(),
): Promise<Heard<PayloadResponse>> {
  return heardOnce((answered) => client.unaryCall(request, metadata, saying()[1], answered))
}

/** A stream with one request, or with none. */
function duplex(
  client: TestServiceClient,
  request: StreamingOutputRequest | null,
  metadata = new Metadata(),
): Promise<Heard<PayloadResponse>> {
  const call = client.fullDuplexCall(metadata, saying()[1])
  if (request !== null) call.write(request)
  call.end()
  return heardAll(call)
}

function ping(turn: number): StreamingOutputRequest {
  return { responseParameters: [{ size: responseSizes[turn] as number }], payload: zeros(requestSizes[turn] as number) }
}

function sizesOf(heard: Heard<PayloadResponse>): (number | undefined)[] {
  return heard.messages.map(({ payload }) => payload?.body.length)
}

function expectOk({ status }: Heard<unknown>): void {
  expectStatus({ status }, { code: Status.OK, message: status.details })
}

function expectStatus({ status }: Pick<Heard<unknown>, 'status'>, { code, message }: EchoStatus): void {
  expect({ code: status.code, details: status.details }).toEqual({ code, details: message })
}
