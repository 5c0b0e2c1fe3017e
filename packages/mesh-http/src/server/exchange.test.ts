import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { CANCELLED, Call, currentAmbient } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import type { HttpApp } from './exchange.ts'
import { ask, connect, raw, ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { lines } = servers
const serve = servers.serve
afterEach(() => servers.close())

describe('an application that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('secret detail')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('secret detail'))],
  ] as [string, HttpApp][])('that %s before the head is a plain 500, without details, logged', async (_, app) => {
    const { url, mesh } = await serve((request, response) => {
      response.setHeader('content-length', '7')
      response.setHeader('set-cookie', 'half=done')
      return app(request, response)
    })
    const answer = await ask(`${url}/pay?card=4111`)
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.body)).toEqual({ error: 'HANDLER_FAILED', message: 'cart: the handler failed' })
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(answer.headers['zerohop-refused']).toBeUndefined()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('cart: the handler failed for GET /pay: ')
    expect(lines[0]).not.toContain('4111')
    expect(await mesh.metrics()).toContain(
      'calls_total{verdict="fault",status="HANDLER_FAILED",direction="inbound",protocol="http",service="cart"} 1',
    )
  })

  it('while it streams cuts the connection, so that nobody takes the part for the whole', async () => {
    const { url, server } = await serve(async (_, response) => {
      response.write('half')
      await turn()
      throw new Error('mid-way')
    })
    const request = http.get(url, { agent: false }).on('error', () => {})
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    await expect(text(response)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(lines[0]).toContain('while answering for GET /: Error: mid-way')
    // Not even an old client that reads to the end of the connection.
    await expect(raw(server, 'GET / HTTP/1.0\r\n\r\n')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('after answering is only logged', async () => {
    const { url } = await serve((_, response) => {
      response.end('done')
      throw new Error('afterwards')
    })
    expect((await ask(url)).body).toBe('done')
    expect(lines[0]).toContain('after answering for GET /: Error: afterwards')
  })
})

describe('a deadline that passes', () => {
  it('is answered 504, whatever the handler writes afterwards', async () => {
    const wrote = Promise.withResolvers<unknown>()
    const kept: ServerResponse[] = []
    const { url } = await serve(async (_, response) => {
      kept.push(response)
      await new Promise((resolve) => setTimeout(resolve, 60))
      try {
        response.setHeader('x-late', '1')
        response.writeHead(200)
        response.write('late')
        response.end('later')
        wrote.resolve(currentAmbient()?.ending)
      } catch (error) {
        wrote.reject(error)
      }
    })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const answer = await ask(url, { agent, headers: { 'zerohop-timeout': '20' } })
    expect([answer.status, answer.headers['zerohop-refused']]).toEqual([504, undefined])
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'EXPIRED' })
    expect(await wrote.promise).toBe(128)
    // Nothing of the late answer is on the connection: the next one over it is whole.
    expect((await ask(url, { agent, headers: { 'zerohop-timeout': '20' } })).status).toBe(504)
    agent.destroy()
  })

  it('cuts the connection where the head is out already', async () => {
    const { url } = await serve((_, response) => {
      response.write('half')
    })
    const request = http.get(url, { agent: false, headers: { 'zerohop-timeout': '20' } }).on('error', () => {})
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    await expect(text(response)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('stops a stream that the handler pipes into the response', async () => {
    const ended = Promise.withResolvers<string>()
    const { url } = await serve(async (_, response) => {
      const endless = async function* (): AsyncGenerator<string> {
        try {
          await new Promise((resolve) => setTimeout(resolve, 40))
          for (;;) yield 'more'
        } finally {
          ended.resolve('cleaned up')
        }
      }
      await pipeline(endless, response)
    })
    expect((await ask(url, { headers: { 'zerohop-timeout': '20' } })).status).toBe(504)
    expect(await ended.promise).toBe('cleaned up')
    // That is the mesh's doing, no failure of the handler.
    expect(lines).toEqual([])
  })
})

describe('a caller that leaves', () => {
  it('cancels the calls under way and lets none start, in the tick in which the server sees it', async () => {
    const order: string[] = []
    const running = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    const { server, mesh } = await serve(async (request) => {
      const ambient = currentAmbient() as NonNullable<ReturnType<typeof currentAmbient>>
      const outbound = new Call({
        service: 'stock',
        method: 'GET',
        path: '/',
        kind: 'unary',
        message: null,
        replayable: true,
        idempotent: true,
      })
      ambient.join(outbound)
      outbound.cancel = { cancelled: () => order.push('outbound call cancelled') }
      request.socket.on('end', () => order.push(`seen by others, given up: ${ambient.ending === CANCELLED}`))
      running.resolve()
      request.socket.on('close', () => over.resolve())
    })
    const socket = connect(server)
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await running.promise
    socket.destroy()
    await over.promise
    expect(order).toEqual(['outbound call cancelled', 'seen by others, given up: true'])
    expect(await mesh.metrics()).toContain(
      'calls_total{verdict="cancelled",status="CANCELLED",direction="inbound",protocol="http",service="cart"} 1',
    )
  })

  it('while it waits in the queue gives its place back', async () => {
    const held: ServerResponse[] = []
    const { server, url } = await serve((_, response) => held.push(response), { policy: { limit: { inbound: { inFlight: 1, queue: 1 } } } })
    const first = ask(url)
    await until(() => held.length === 1)
    const waiting = connect(server)
    await once(waiting, 'connect')
    waiting.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    // What comes over a later connection is read later.
    await ask(`${url}/livez`)
    expect((await ask(url)).status).toBe(503)
    waiting.destroy()
    await ask(`${url}/livez`)
    const next = ask(url)
    await ask(`${url}/livez`)
    held[0]?.end('one')
    await until(() => held.length === 2)
    held[1]?.end('two')
    expect((await Promise.all([first, next])).map((answer) => answer.body)).toEqual(['one', 'two'])
    expect(held).toHaveLength(2)
  })
})
