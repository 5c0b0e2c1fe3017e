/** Tests of how a program hears that there will be no more of an answer that has begun. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { caller, http2Upstream } from './upstream-under-test.ts'

/** A server whose answers have a head and a message, perhaps more bytes, and no end, whatever time their callers have. */
async function endless(more: readonly number[] = []) {
  const seen = { open: 0 }
  const server = await http2Upstream((stream) => {
    seen.open++
    stream.once('close', () => seen.open--).respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' })
    stream.write(Buffer.from([0, 0, 0, 0, 1, 65, ...more]))
  })
  return { server, seen, [Symbol.asyncDispose]: async () => server.kill() }
}

it('each call hears of it in its own context, though one alarm rang for all', async () => {
  await using ground = await endless()
  await using shop = await caller([ground.server.address])
  const request = new AsyncLocalStorage<string>()
  const deadline = Date.now() + 300
  const heard = ['one', 'two'].map((name) =>
    request.run(name, async () => {
      const { call, ended } = shop.client.scatter('', { deadline })
      const told = new Promise((resolve) => call.on('error', () => resolve(request.getStore())))
      await ended
      return told
    }),
  )
  expect(await Promise.all(heard)).toEqual(['one', 'two'])
})

it.each([
  ['its time is over', []],
  ['a message cannot be read', [1, 0, 0, 0, 1, 65]],
])('a program that throws where it hears that %s leaves no stream open', async (_why, more) => {
  await using ground = await endless(more)
  await using shop = await caller([ground.server.address])
  const others = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[]
  process.removeAllListeners('uncaughtException')
  try {
    const caught = once(process, 'uncaughtException')
    const bug = new Error('a bug of the program')
    const { call } = shop.client.scatter('', { deadline: Date.now() + 200 })
    call.prependListener('error', () => {
      throw bug
    })
    expect((await caught)[0]).toBe(bug)
  } finally {
    for (const other of others) process.on('uncaughtException', other)
  }
  await expect.poll(() => ground.seen.open).toBe(0)
})
