import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { interopCases } from '../support/interop/cases.ts'
import type { TestServiceClient } from '../support/interop/definition.ts'
import { type Calling, InteropEnds, type Serving, type ServingEnd } from '../support/interop/ends.ts'

describe.each([
  ['in plaintext', false],
  ['over mutual TLS', true],
])('%s', (_, isSecured) => {
  describe.each<[Calling, Serving]>([
    // What the cases ask for is what grpc-js does by itself.
    ['grpc-js', 'grpc-js'],
    ['meshChannel', 'grpc-js'],
    ['meshClient', 'grpc-js'],
    ['grpc-js', 'serveGrpc'],
    ['meshChannel', 'serveGrpc'],
    ['meshClient', 'serveGrpc'],
  ])('%s and %s understand each other in', (calling, serving) => {
    const ends = new InteropEnds(isSecured)
    let server: ServingEnd
    let client: TestServiceClient
    beforeAll(async () => {
      server = await ends.serve(serving)
      client = ends.call(calling, server.address)
    })
    afterAll(() => ends[Symbol.asyncDispose]())

    test.each(Object.entries(interopCases))('%s', async (_name, run) => {
      await run(client)
      await eventually(() => server.service.underWay === 0, 'the server has heard of the end of every stream')
      expect(server.service.underWay).toBe(0)
    })
  })
})
