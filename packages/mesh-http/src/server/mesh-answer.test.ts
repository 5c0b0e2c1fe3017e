import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, connect, raw, ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
const serve = servers.serve
afterEach(() => servers.close())

describe('a refusal', () => {
  it('says why, keeps the connection where little is left to read, and costs the caller no handler', async () => {
    const held: ServerResponse[] = []
    const { url } = await serve((_, response) => held.push(response), { policy: { limit: { inbound: { inFlight: 1 } } } })
    const first = ask(url)
    await until(() => held.length === 1)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    for (const body of ['', 'x'.repeat(60_000)]) {
      const answer = await ask(url, { agent, method: 'POST', body, headers: { 'content-length': body.length } })
      expect([answer.status, answer.headers['zerohop-refused'], answer.headers.connection]).toEqual([503, 'limit', 'keep-alive'])
      expect(JSON.parse(answer.body)).toEqual({ error: 'LIMIT_FULL', message: 'cart: the limit is reached and its queue is full' })
    }
    expect(held).toHaveLength(1)
    agent.destroy()
    held[0]?.end()
    expect((await first).status).toBe(200)
  })

  it('reaches a caller that is in the middle of a large upload, and reads no more than a bounded part of it', async () => {
    const { server, url } = await serve((_, response) => response.end('first'), {
      policy: { rateLimit: { inbound: { perSecond: 0.5, burst: 1 } } },
    })
    await ask(url)
    const socket = connect(server)
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    const chunk = `${(16_384).toString(16)}\r\n${'x'.repeat(16_384)}\r\n`
    let sent = 0
    const pump = setInterval(() => {
      if (!socket.writable || sent >= 2_000_000) return
      socket.write(chunk)
      sent += chunk.length
    }, 1)
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    await new Promise((resolve) => socket.once('close', resolve))
    clearInterval(pump)
    expect(answer).toMatch(/^HTTP\/1.1 429 [\s\S]*retry-after: [12]\r\n/)
    expect(answer).toMatch(/zerohop-refused: rate/)
    expect(answer).toMatch(/the rate limit is spent"}\n$/)
    expect(sent).toBeLessThan(2_000_000)
  })

  it('holds the connection open while its caller is still sending, and ends it in good order', async () => {
    const { server, url } = await serve((_, response) => response.end('first'), {
      policy: { rateLimit: { inbound: { perSecond: 0.5, burst: 1 } } },
    })
    await ask(url)
    const socket = connect(server)
    const errors: Error[] = []
    socket.on('error', (error) => errors.push(error))
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 429 /)
    for (let n = 0; n < 3; n++) {
      socket.write(`400\r\n${'x'.repeat(1024)}\r\n`)
      // Another connection is answered only after what came over this one was read.
      await ask(`${url}/livez`)
    }
    socket.write('0\r\n\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    expect(errors).toEqual([])
  })

  it('is not claimed for a fault that a policy injects: the handler must be believed to have run', async () => {
    const { url } = await serve((_, response) => response.end(), { policy: { fault: { inbound: { abort: { status: 502 } } } } })
    const answer = await ask(url)
    expect([answer.status, answer.headers['zerohop-refused']]).toEqual([502, undefined])
  })

  it('does not ask for the body of a request that it refuses', async () => {
    const { server } = await serve((request, response) => request.resume().on('end', () => response.end('read')), {
      policy: { rateLimit: { inbound: { perSecond: 0.001, burst: 1 } } },
    })
    const head = 'POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n'
    const first = connect(server)
    first.write(`${head}connection: close\r\n\r\n`)
    expect(String((await once(first, 'data'))[0])).toMatch(/^HTTP\/1.1 100 Continue/)
    first.write('body')
    expect(await text(first)).toMatch(/^HTTP\/1.1 200 OK/)
    const refused = await raw(server, `${head}\r\n`)
    expect(refused).toMatch(/^HTTP\/1.1 429 /)
    expect(refused).toMatch(/connection: close/i)
  })
})
