/** Tests that what comes of a request is the same over the mesh and with the platform's fetch. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, caller, echo, type Upstream, upstream } from './testing-upstream.ts'

const text = Buffer.from('{"stock":3,"name":"Müller"}')

const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  gzip: (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text)),
  'x-gzip': (_request, response) => response.writeHead(200, { 'content-encoding': 'X-GZIP' }).end(gzipSync(text)),
  deflate: (_request, response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync(text)),
  'deflate-raw': (_request, response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateRawSync(text)),
  br: (_request, response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(text)),
  zstd: (_request, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end(zstdCompressSync(text)),
  twice: (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip, br' }).end(brotliCompressSync(gzipSync(text))),
  'six-times': (_request, response) => response.writeHead(200, { 'content-encoding': 'br, br, br, br, br, br' }).end(text),
  'unknown-coding': (_request, response) => response.writeHead(200, { 'content-encoding': 'rot13' }).end(text),
  'empty-gzip': (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(),
  'broken-gzip': (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip at all'),
  'short-gzip': (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text).subarray(0, -6)),
  'broken-zstd': (_request, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('no zstd at all'),
  'short-zstd': (_request, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end(zstdCompressSync(text).subarray(0, -6)),
  cookies: (_request, response) => void response.setHeader('set-cookie', ['a=1', 'b=2']).setHeader('vary', ['x', 'y']).end('x'),
  bom: (_request, response) => response.end(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), text])),
  'bad-utf8': (_request, response) => response.end(Buffer.from([0x61, 0xc3, 0x28, 0xf0, 0x9f, 0x92, 0x62])),
  reason: (_request, response) => response.writeHead(200, 'Fine By Me').end('x'),
  chunked: (_request, response) => {
    response.write('a')
    setTimeout(() => response.end('b'), 5)
  },
  loop: (_request, response) => response.writeHead(302, { location: '/loop' }).end(),
  'bad-location': (_request, response) => response.writeHead(302, { location: 'http://[' }).end(),
  'no-location': (_request, response) => response.writeHead(302).end('stay'),
  'to-ftp': (_request, response) => response.writeHead(302, { location: 'ftp://inventory/' }).end(),
  'utf8-location': (_request, response) => response.writeHead(302, { location: Buffer.from('/echo?ü').toString('latin1') }).end(),
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url as string, 'http://x')
  const [, word = '', rest = ''] = url.pathname.split('/')
  if (word === 'status') response.writeHead(Number(rest), { 'x-status': rest }).end(['204', '304'].includes(rest) ? undefined : 'body')
  else if (word === 'redirect') response.writeHead(Number(rest), { location: `/echo?from=${rest}` }).end('moved')
  else if (word === 'echo') echo(request, response).catch(() => {})
  else answers[word]?.(request, response)
}

interface Case {
  readonly path: string
  readonly init?: () => RequestInit & { duplex?: 'half' }
}

const form = () => {
  const made = new FormData()
  made.append('plain', 'a\nb')
  made.append('na"me\r\n', 'ü')
  made.append('file', new File(['content'], 'a"b.txt', { type: 'text/csv' }))
  return made
}
const stream = (chunks: unknown[] = [Buffer.from('one '), Buffer.from('two')]) =>
  Readable.toWeb(Readable.from(chunks)) as unknown as ReadableStream

const cases: Case[] = [
  ...Object.keys(answers).map((word) => ({ path: `/${word}` })),
  ...[200, 201, 204, 205, 304, 404, 418, 429, 500, 502, 503].map((code) => ({ path: `/status/${code}` })),
  ...[301, 302, 303, 307, 308].flatMap((code) =>
    ['GET', 'HEAD', 'POST', 'PUT'].map((method) => ({
      path: `/redirect/${code}`,
      init: () => ({ method, ...(method.startsWith('P') ? { body: 'text' } : {}) }),
    })),
  ),
  ...(['manual', 'error'] as const).map((redirect) => ({ path: '/redirect/302', init: () => ({ redirect }) })),
  { path: '/redirect/307', init: () => ({ method: 'POST', body: stream(), duplex: 'half' as const }) },
  { path: '/redirect/303', init: () => ({ method: 'POST', body: stream(), duplex: 'half' as const }) },
  { path: '/echo' },
  { path: '/echo?a=b%20c#fragment' },
  { path: '/echo', init: () => ({ method: 'head' }) },
  ...['post', 'patch', 'Delete', 'OPTIONS', 'PROPFIND', 'QUERY'].map((method) => ({ path: '/echo', init: () => ({ method }) })),
  ...['CONNECT', 'trace', 'TRACK', 'GE T', '', 'GET\r\nx: y'].map((method) => ({ path: '/echo', init: () => ({ method }) })),
  ...[
    'text ü',
    '',
    new Uint8Array([1, 2, 255]),
    new Uint8Array([1, 2, 255]).buffer,
    new DataView(new Uint8Array([1, 2, 255]).buffer, 1),
    new Blob(['blob'], { type: 'text/x-blob' }),
    new Blob(['untyped']),
    new URLSearchParams({ a: 'b c' }),
    42 as unknown as string,
  ].map((body) => ({ path: '/echo', init: () => ({ method: 'POST', body }) })),
  { path: '/echo', init: () => ({ method: 'DELETE', body: 'gone' }) },
  { path: '/echo', init: () => ({ method: 'POST', body: stream(), duplex: 'half' as const }) },
  { path: '/echo', init: () => ({ method: 'POST', body: stream() }) },
  { path: '/echo', init: () => ({ method: 'POST', body: Readable.from(['a', 'b']) as unknown as BodyInit, duplex: 'half' as const }) },
  { path: '/echo', init: () => ({ method: 'POST', body: stream(['text']), duplex: 'half' as const }) },
  { path: '/echo', init: () => ({ body: 'in a GET' }) },
  { path: '/echo', init: () => ({ method: 'POST', body: 'x', headers: { 'content-length': '5' } }) },
  { path: '/echo', init: () => ({ method: 'POST', body: 'x', headers: { 'Content-Type': 'a/b' } }) },
  ...[
    { 'X-Name': '  spaced\t' },
    [['x-a', '1'] as [string, string], ['X-A', '2'] as [string, string]],
    new Headers({ 'x-b': '1' }),
    { accept: 'text/plain', 'user-agent': 'me', 'accept-encoding': 'br', 'accept-language': 'de' },
    { range: 'bytes=0-1' },
    { 'if-none-match': '"x"' },
    { host: 'elsewhere', 'sec-fetch-mode': 'navigate' },
    { 'x-inject': 'a\r\nb: c' },
    { 'x-nul': 'a\0b' },
    { 'bad name': 'x' },
    { 'x-wide': '→' },
    { 'transfer-encoding': 'chunked' },
    { expect: '100-continue' },
  ].map((headers) => ({ path: '/echo', init: () => ({ headers }) })),
  ...(['no-cache', 'no-store', 'reload'] as const).map((cache) => ({ path: '/echo', init: () => ({ cache }) })),
  { path: '/echo', init: () => ({ signal: AbortSignal.abort(new Error('before')) }) },
  { path: '/echo', init: () => ({ redirect: 'sometimes' as RequestRedirect }) },
]

let server: Upstream
let shop: Caller
beforeAll(async () => {
  server = await upstream(answer)
  shop = await caller({ inventory: [server.address] })
})
afterAll(async () => {
  await shop[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const passing = new Set(['date', 'keep-alive', 'connection'])
const ours = new Set(['host', 'connection', 'zerohop-timeout', 'traceparent', 'transfer-encoding', 'content-length'])

async function seen(fetching: Promise<Response>, base: string): Promise<unknown> {
  try {
    const response = await fetching
    const { status, statusText, ok, redirected, type } = response
    const headers = [...response.headers].filter(([name]) => !passing.has(name) && !(name === 'content-length'))
    const hasBody = response.body !== null
    let body: unknown
    try {
      body = await response.text()
      const asked = JSON.parse(body as string)
      for (const name of ours) delete asked.headers?.[name]
      body = asked
    } catch (error) {
      if (!(error instanceof SyntaxError)) body = `${error}`
    }
    return {
      status,
      statusText,
      ok,
      redirected,
      type,
      url: response.url.replace(base, ''),
      headers,
      hasBody,
      body,
      bodyUsed: response.bodyUsed,
    }
  } catch (error) {
    return { thrown: (error as Error).name }
  }
}

describe('the same comes of a request as with the platform', () => {
  test.each(cases.map((one, n) => [`${n} ${one.path} ${JSON.stringify(one.init?.() ?? {})}`, one] as const))(
    '%s',
    async (_name, { path, init }) => {
      const platform = `http://${server.address}`
      const expected = await seen(fetch(platform + path, init?.()), platform)
      expect(await seen(shop.fetch(`http://inventory${path}`, init?.() as object), 'http://inventory')).toEqual(expected)
    },
  )

  test('a Request object travels as it does with the platform', async () => {
    const platform = `http://${server.address}`
    for (const init of [{}, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } }, { method: 'POST', body: form() }]) {
      const [one, other] = ['http://inventory', platform].map((base) => new Request(`${base}/echo`, init)) as [Request, Request]
      const [over, beside] = [await seen(shop.fetch(one), 'http://inventory'), await seen(fetch(other), platform)]
      if (init.body instanceof FormData) expect(one.bodyUsed).toBe(true)
      else expect(over).toEqual(beside)
    }
  })

  test('a form arrives as the platform encodes it, up to its boundary', async () => {
    const boundaries = async (fetching: Promise<Response>) => {
      const { headers, body } = (await (await fetching).json()) as { headers: Record<string, string>; body: string }
      return body.replaceAll(/boundary=(.*)/.exec(headers['content-type'] as string)?.[1] as string, 'BOUNDARY')
    }
    const init = () => ({ method: 'POST', body: form() })
    expect(await boundaries(shop.fetch('http://inventory/echo', init()))).toBe(
      await boundaries(fetch(`http://${server.address}/echo`, init())),
    )
  })
})
