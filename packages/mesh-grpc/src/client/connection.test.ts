/** Tests of connections that come to nothing. */
import { status as Status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { until } from './bytes-client-under-test.ts'
import { caller, naming, rawUpstream, upstream } from './upstream-under-test.ts'

const retrying = { policy: { retry: { attempts: 3, backoff: { base: 0, cap: 0 } } } }

describe('a server that takes connections and never speaks HTTP/2', () => {
  it('costs an attempt the time to connect, and leaves nothing open', async () => {
    let open = 0
    const seen: string[] = []
    await using silent = await rawUpstream((socket) => {
      open++
      socket.on('close', () => open--).resume()
    })
    await using good = await upstream(naming('good', seen))
    await using shop = await caller([silent.address, good.address], {
      policy: { ...retrying.policy, connections: { connectTimeout: 40 } },
    })
    const ended = await Promise.all(Array.from({ length: 8 }, () => shop.client.unary('')))
    expect(ended.map(({ code }) => code)).toEqual(Array(8).fill(Status.OK))
    await until(() => open === 0)
    const alone = await caller([silent.address], { policy: { connections: { connectTimeout: 40 } } })
    const { code, details } = await alone.client.unary('')
    expect([code, details]).toMatchObject([Status.UNAVAILABLE, expect.stringContaining('no HTTP/2 connection to')])
    await alone.mesh.close()
    await until(() => open === 0)
  })

  it.each([
    ['hangs up', (socket: { destroy(): void }) => socket.destroy()],
    ['speaks HTTP/1.1', (socket: { end(text: string): void }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('but %s is unreached', async (_name, answer) => {
    await using server = await rawUpstream((socket) => answer(socket))
    await using shop = await caller([server.address])
    const { code, error } = await shop.client.unary('')
    expect([code, error]).toMatchObject([Status.UNAVAILABLE, { cause: { code: 'UNREACHED' } }])
  })
})
