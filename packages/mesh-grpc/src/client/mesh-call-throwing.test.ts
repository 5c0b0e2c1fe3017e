/** Tests of programs that throw where they hear of their calls. */
import { gzipSync } from 'node:zlib'
import { Metadata, status as Status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { metadataOf } from './bytes-client-under-test.ts'
import { caller, echoing, http2Upstream, upstream } from './upstream-under-test.ts'

const bug = new Error('a bug of the program')
const throwing = (): never => {
  throw bug
}

const caught: unknown[] = []
let others: NodeJS.UncaughtExceptionListener[] = []
const take = (error: unknown): void => void caught.push(error)
beforeEach(() => {
  caught.length = 0
  others = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[]
  process.removeAllListeners('uncaughtException').on('uncaughtException', take)
})
afterEach(() => {
  process.off('uncaughtException', take)
  for (const other of others) process.on('uncaughtException', other)
})

describe('a program that throws where it hears', () => {
  it('of a head hears of the answer all the same', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address])
    const answer = new Promise((resolve) => {
      const same = (message: Buffer): Buffer => message
      const call = shop.client.makeUnaryRequest('/test.Bytes/unary', same, same, Buffer.from('a'), new Metadata(), (_, message) =>
        resolve(message),
      )
      call.on('metadata', throwing)
    })
    expect(String(await answer)).toBe('a')
    expect(caught).toEqual([bug])
  })

  it.each(['metadata', 'data'])('of the %s of a stream hears of its end all the same', async (event) => {
    await using server = await upstream({
      scatter: (call) => {
        call.sendMetadata(metadataOf({ x: '1' }))
        echoing.scatter(call)
      },
    })
    await using shop = await caller([server.address])
    const { call, ended } = shop.client.scatter('a')
    call.prependListener(event, throwing)
    expect((await ended).code).toBe(Status.OK)
    expect(caught).toEqual([bug])
  })

  it('of a message that came compressed hears of its end all the same', async () => {
    const message = gzipSync('a')
    await using server = await http2Upstream((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' }, { waitForTrailers: true })
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.concat([Buffer.from([1, 0, 0, 0, message.length]), message]))
    })
    await using shop = await caller([server.address])
    const { call, ended } = shop.client.scatter('')
    call.prependListener('data', throwing)
    expect((await ended).code).toBe(Status.OK)
    expect(caught).toEqual([bug])
  })
})
