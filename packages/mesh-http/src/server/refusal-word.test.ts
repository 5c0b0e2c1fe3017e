import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, ServersUnderTest } from './server-under-test.ts'

const servers = new ServersUnderTest()
afterEach(() => servers.close())

const ways: [string, (response: ServerResponse) => ServerResponse][] = [
  ['a header set before', (response) => response.setHeader('Zerohop-Refused', 'limit').setHeader('x-own', 'kept')],
  ['a record', (response) => response.writeHead(503, { 'Zerohop-Refused': 'limit', 'x-own': 'kept' })],
  ['a record behind a reason', (response) => response.writeHead(503, 'No', { 'zerohop-refused': 'limit', 'x-own': 'kept' })],
  ['a flat list', (response) => response.writeHead(503, ['x-own', 'kept', 'ZEROHOP-REFUSED', 'limit'])],
  [
    'a list of pairs',
    (response) =>
      response.writeHead(503, [
        ['zerohop-refused', 'limit'],
        ['x-own', 'kept'],
      ] as never),
  ],
]

describe('an application cannot say that it did not start', () => {
  it.each(ways)('by %s', async (_, speak) => {
    const { url } = await servers.serve((_request, response) => {
      response.statusCode = 503
      speak(response).end('body')
    })
    const { status, headers, body } = await ask(url)
    expect([status, headers['zerohop-refused'], headers['x-own'], body]).toEqual([503, undefined, 'kept', 'body'])
  })
})
