import { duplexPair } from 'node:stream'
import { Metadata, connectivityState as State, status as Status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { until } from './bytes-client-under-test.ts'
import { fieldOf, InnerChannel } from './inner-channel.ts'

test('a copy of grpc-js that is built otherwise is told by name', () => {
  for (const owner of [{}, null, undefined, { internalChannel: null }, { internalChannel: 'text' }]) {
    expect(() => fieldOf(owner, 'internalChannel', 'object')).toThrow(
      expect.objectContaining({ code: 'BAD_OPTIONS', message: expect.stringContaining('this copy has no "internalChannel"') }),
    )
  }
  expect(fieldOf({ connect: Math.max }, 'connect', 'function')).toBe(Math.max)
})

test('a channel connects to nothing but what it is given, and a stream that cannot be opened throws', async () => {
  const [near, far] = duplexPair()
  let opened = 0
  const inner = new InnerChannel({ 'grpc.use_local_subchannel_pool': 1 }, async () => {
    opened++
    return { socket: near, secured: false }
  })
  inner.channel.getConnectivityState(true)
  const preface = await new Promise<Buffer>((resolve) => far.once('data', resolve))
  expect(preface.subarray(0, 14).toString()).toBe('PRI * HTTP/2.0')
  expect(() => inner.openStream({}, { path: '/a.B/C', authority: 'a' }, {} as never)).toThrow()
  inner.channel.close()
  far.destroy()
  near.destroy()
  expect(opened).toBe(1)
})

test('a connection that cannot be made is a failure of the channel, and no address is asked', async () => {
  const inner = new InnerChannel({ 'grpc.use_local_subchannel_pool': 1 }, () => Promise.reject(new Error('no way')))
  inner.channel.getConnectivityState(true)
  await until(() => inner.channel.getConnectivityState(false) === State.TRANSIENT_FAILURE)
  const call = inner.channel.createCall('/a.B/C', Number.POSITIVE_INFINITY, null, null, null)
  const { promise, resolve } = Promise.withResolvers<{ code: Status; details: string }>()
  call.start(new Metadata(), { onReceiveMetadata() {}, onReceiveMessage() {}, onReceiveStatus: resolve })
  expect(await promise).toMatchObject({ code: Status.UNAVAILABLE, details: expect.stringContaining('no way') })
  inner.channel.close()
})
