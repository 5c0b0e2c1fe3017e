import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { interopCases } from '../support/interop/cases.ts'
import type { TestServiceClient } from '../support/interop/definition.ts'
import { InteropEnds } from '../support/interop/ends.ts'
import { grpcioPython, PythonServer, playInPython } from '../support/interop/grpcio.ts'

const found = grpcioPython()
const python = found ?? ''
const cases = Object.entries(interopCases)

describe.skipIf(found === null).each([
  ['in plaintext', false],
  ['over mutual TLS', true],
])('%s', (_, isSecured) => {
  describe('a client of grpcio understands serveGrpc in', () => {
    let problems: ReadonlyMap<string, string>
    beforeAll(async () => {
      await using ends = new InteropEnds(isSecured)
      const { address } = await ends.serve('serveGrpc')
      problems = await playInPython(python, { address, papers: ends.papersOf('caller') })
    }, 120_000)

    test.each(cases)('%s', (name) => expect(problems.get(name)).toBe(''))
  })

  describe('meshChannel understands a server of grpcio in', () => {
    const ends = new InteropEnds(isSecured)
    let server: PythonServer
    let client: TestServiceClient
    beforeAll(async () => {
      server = await PythonServer.start(python, ends.papersOf('interop'))
      client = ends.call('meshChannel', server.address)
    })
    afterAll(async () => {
      await ends[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    })

    test.each(cases)('%s', (_name, run) => run(client))

    test('every case, and leaves no call behind', async () => {
      expect(await server.end()).toBe(0)
    })
  })
})
