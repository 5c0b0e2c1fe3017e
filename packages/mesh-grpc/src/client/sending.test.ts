/** Tests of calls that wait until their service is ready. */
import { Metadata, status as Status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { caller, echoing, upstream } from './upstream-under-test.ts'

describe('a call that waits until the service is ready', () => {
  const patient = (): { metadata: Metadata } => ({ metadata: new Metadata({ waitForReady: true }) })

  it('is sent once somebody listens', async () => {
    await using shop = await caller(['127.0.0.1:9'])
    const waiting = shop.client.unary('hello', patient())
    await using server = await upstream(echoing)
    shop.move([server.address])
    expect(await waiting.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, 'hello'])
  })

  it('ends with its deadline, and with its program', async () => {
    await using shop = await caller(['127.0.0.1:9'])
    expect((await shop.client.unary('', { ...patient(), deadline: Date.now() + 80 })).code).toBe(Status.DEADLINE_EXCEEDED)
    const { call, ended } = shop.client.unaryCall('', patient())
    call.cancel()
    expect((await ended).code).toBe(Status.CANCELLED)
  })

  it('fails at once where it does not wait', async () => {
    await using shop = await caller([])
    expect((await shop.client.unary('')).error).toMatchObject({ code: Status.UNAVAILABLE, cause: { code: 'NO_ENDPOINT' } })
  })
})
