import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { type MeshServer, meshFetch, serveHttp } from '@zerohop/mesh-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printFigures } from '../support/figures.ts'
import { quietLog } from '../support/quiet-log.ts'
import { checkClaims, readVectors, SentTrace } from '../support/trace-claims.ts'

const casesDir = process.env.CASES_DIR ?? ''
const vectors = casesDir === '' ? [] : readVectors(casesDir)
if (casesDir === '') console.log('the W3C vectors are skipped: CASES_DIR names no folder of vectors')

const recorder = createServer((request, response) => {
  received.push(request)
  response.end()
})
let received: IncomingMessage[] = []
let mesh: Mesh
let service: MeshServer

beforeAll(async () => {
  recorder.listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  const { port } = recorder.address() as AddressInfo
  mesh = createMesh({ service: 'middle', log: quietLog, discovery: staticEndpoints({ recorder: [`127.0.0.1:${port}`] }) })
  const fetch = meshFetch(mesh)
  service = await serveHttp(
    mesh,
    async (request, response) => {
      const calls = Array.from({ length: Number(request.headers['x-calls']) }, () => fetch('http://recorder/'))
      for (const answer of await Promise.all(calls)) await answer.text()
      response.end()
    },
    { port: 0, host: '127.0.0.1' },
  )
})

afterAll(async () => {
  await mesh.close({ graceMs: 0 })
  recorder.close()
})

/** Sends these very lines to the service; resolves with what it sent on. */
async function sendOn(headers: readonly (readonly [string, string])[], calls = 1): Promise<IncomingMessage[]> {
  received = []
  const socket = connect(service.port, '127.0.0.1')
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET / HTTP/1.1\r\nhost: middle\r\nconnection: close\r\nx-calls: ${calls}\r\n${lines.join('')}\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /)
  return received
}

function linesOf(request: IncomingMessage, name: string): string[] {
  return request.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === name)
}

const traceOf = (request: IncomingMessage): SentTrace => new SentTrace(linesOf(request, 'traceparent'), linesOf(request, 'tracestate'))

describe.skipIf(casesDir === '')('the W3C vectors, through a service and over the wire:', () => {
  test.each(vectors.map((vector) => [vector.id, vector] as const))('%s', async (_, { requests }) => {
    const siblings: SentTrace[] = []
    for (const request of requests) {
      const sent = (await sendOn(request.headers, request.outgoingCalls)).map(traceOf)
      siblings.push(sent[0] as SentTrace)
      checkClaims(request, sent, siblings)
    }
  })

  test('are all there', () => {
    printFigures('W3C trace context', { vectors: vectors.length, requests: vectors.flatMap(({ requests }) => requests).length })
    expect(vectors.length).toBeGreaterThan(40)
  })
})

test('baggage flows through a service', async () => {
  const [sent] = await sendOn([
    ['baggage', 'user=42'],
    ['baggage', 'tier=beta;ttl=1'],
  ])
  expect(
    linesOf(sent as IncomingMessage, 'baggage')
      .join(',')
      .replaceAll(' ', ''),
  ).toBe('user=42,tier=beta;ttl=1')
})
