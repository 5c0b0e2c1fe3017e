/** Tests of who may say that a second execution of a call does no harm. */
import { Metadata, status as Status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { bytes } from './bytes-client-under-test.ts'
import { caller, upstream } from './upstream-under-test.ts'

describe('idempotent', () => {
  const policy = { retry: { attempts: 2, backoff: { base: 0, cap: 0 } } }
  const unavailable = () => {
    const seen = { count: 0 }
    const unary = (_call: unknown, callback: (error: object) => void): void => {
      seen.count++
      callback({ code: Status.UNAVAILABLE, details: 'not now' })
    }
    return { seen, handlers: { unary } as never }
  }

  it.each([
    ['nothing said', {}, undefined, 1],
    ['the call says so', {}, true, 2],
    ['the channel says so', { definition: bytes, idempotent: ['unary'] }, undefined, 2],
    ['the channel says so of all', { definition: bytes, idempotent: true as const }, undefined, 2],
    ['the channel says so of another', { definition: bytes, idempotent: ['gather'] }, undefined, 1],
    ['the call says no', { definition: bytes, idempotent: true as const }, false, 1],
    [
      'the proto says so',
      { definition: { ...bytes, unary: { ...bytes.unary, options: { idempotency_level: 'IDEMPOTENT' } } } as never },
      undefined,
      2,
    ],
    [
      'the proto says no',
      { definition: { ...bytes, unary: { ...bytes.unary, options: { idempotency_level: 'IDEMPOTENCY_UNKNOWN' } } } as never },
      undefined,
      1,
    ],
  ])('%s', async (_name, channel, option, attempts) => {
    const { seen, handlers } = unavailable()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address], { policy, channel })
    const metadata = new Metadata(option === undefined ? {} : { idempotentRequest: option })
    const ended = await shop.client.unary('', { metadata })
    expect([ended.code, ended.details, seen.count]).toEqual([Status.UNAVAILABLE, 'not now', attempts])
  })

  it('a method that the service has not is told at once', async () => {
    await using shop = await caller([])
    expect(() => shop.connect({ definition: bytes, idempotent: ['Unray'] })).toThrow(
      'idempotent: the service has no method Unray; there are unary, gather, scatter, talk',
    )
    expect(() => shop.connect({ idempotent: true })).toThrow('idempotent: needs the `definition` of the service')
  })
})
