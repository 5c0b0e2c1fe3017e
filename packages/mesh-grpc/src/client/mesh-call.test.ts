/** Tests of what a program may do with a call, and what it hears: deadlines, cancellation, errors, and calls under other calls. */
import { EventEmitter, once } from 'node:events'
import { Client, credentials, InterceptingCall, type Interceptor, propagate, type ServiceError, status as Status } from '@grpc/grpc-js'
import { MeshError } from '@zerohop/mesh-core'
import { Ambient, runUnder } from '@zerohop/mesh-core/transport'
import { describe, expect, it } from 'vitest'
import { metadataOf, until } from './bytes-client-under-test.ts'
import { meshChannel } from './mesh-channel.ts'
import { caller, echoing, upstream } from './upstream-under-test.ts'

/** A handler that never answers, and what became of its calls. */
function hanging() {
  const seen = { begun: 0, cancelled: 0, timeouts: [] as number[] }
  const hang = (call: EventEmitter & { getDeadline(): Date | number }): void => {
    seen.begun++
    seen.timeouts.push(Number(call.getDeadline()) - Date.now())
    call.on('cancelled', () => seen.cancelled++)
    call.on('data', () => {})
  }
  return { seen, handlers: { unary: hang, gather: hang, scatter: hang, talk: hang } as never }
}

/** The call of a server. */
function parentCall(leftMs: number) {
  return Object.assign(new EventEmitter(), { getDeadline: () => new Date(Date.now() + leftMs) })
}

describe('a deadline', () => {
  it('of the program shortens that of the policy, and reaches the server', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address])
    const ended = await shop.client.unary('', { deadline: Date.now() + 800 })
    expect([ended.code, (ended.error as Error & { cause?: unknown }).cause]).toMatchObject([Status.DEADLINE_EXCEEDED, { code: 'EXPIRED' }])
    expect(seen.timeouts[0]).toBeLessThanOrEqual(800)
    await until(() => seen.cancelled === 1)
  })

  it('of the program does not lengthen that of the policy', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address], { policy: { timeout: '600ms' } })
    expect((await shop.client.unary('', { deadline: Date.now() + 60_000 })).code).toBe(Status.DEADLINE_EXCEEDED)
    expect(seen.timeouts[0]).toBeLessThanOrEqual(600)
  })

  it('that is over, or no date at all, lets nothing leave', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address], { policy: { timeout: '1s' } })
    for (const deadline of [Date.now() - 1000, new Date(0), new Date('tomorrow')]) {
      expect((await shop.client.unary('', { deadline })).code).toBe(Status.DEADLINE_EXCEEDED)
    }
    expect(() => shop.client.unaryCall('', { deadline: 'tomorrow' as never })).toThrow(TypeError)
    expect(seen.begun).toBe(0)
  })

  it('of the inbound request binds the calls that are made under it', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address])
    const ambient = new Ambient(null, 'shop=7', performance.now() + 700)
    const ended = await runUnder(ambient, () => shop.client.unary(''))
    expect(ended.code).toBe(Status.DEADLINE_EXCEEDED)
    expect(seen.timeouts[0]).toBeLessThanOrEqual(700)
  })

  it('of the inbound request binds those alone, though an interceptor lets several go at once', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address])
    const waiting: (() => void)[] = []
    // As a cache of tokens does: whoever is last lets all go.
    const queueing: Interceptor = (options, next) =>
      new InterceptingCall(next(options), {
        start: (metadata, listener, go) => {
          waiting.push(() => go(metadata, listener))
          if (waiting.length === 2) for (const begin of waiting) begin()
        },
      })
    const ask = () => shop.client.unary('', { interceptors: [queueing] })
    const asked = [800, 300].map((leftMs) => runUnder(new Ambient(null, '', performance.now() + leftMs), ask))
    for (const { code } of await Promise.all(asked)) expect(code).toBe(Status.DEADLINE_EXCEEDED)
    expect(seen.timeouts.map((ms) => ms > 400)).toEqual([true, false])
  })

  it('of a stream holds to its end', async () => {
    await using server = await upstream({ scatter: (call) => void call.write(Buffer.from('first')) })
    await using shop = await caller([server.address])
    const ended = await shop.client.scatter('', { deadline: Date.now() + 800 }).ended
    expect([ended.code, String(ended.messages)]).toEqual([Status.DEADLINE_EXCEEDED, 'first'])
  })
})

describe('a program that leaves', () => {
  it('before its call has begun sends nothing', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address])
    const { call, ended } = shop.client.unaryCall('')
    call.cancel()
    expect(await ended.then(({ code, details }) => [code, details])).toEqual([Status.CANCELLED, 'Cancelled on client'])
    expect((await shop.client.unary('', { deadline: Date.now() + 30 })).code).toBe(Status.DEADLINE_EXCEEDED)
    expect(seen.begun).toBe(1)
  })

  it.each(['unary', 'gather', 'scatter', 'talk'] as const)('within a call of kind %s reaches the server', async (kind) => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address])
    const { call, ended } =
      kind === 'unary' ? shop.client.unaryCall('') : kind === 'scatter' ? shop.client.scatter('') : shop.client[kind]()
    await until(() => seen.begun === 1)
    call.cancel()
    expect((await ended).code).toBe(Status.CANCELLED)
    await until(() => seen.cancelled === 1)
    expect(await shop.mesh.metrics()).toMatch(/zerohop_calls_total\{[^}]*verdict="cancelled"[^}]*\} 1/)
  })

  it.each(['in the same tick', 'in a later one'])('before an interceptor starts its call, %s, hears of it', async (when) => {
    await using shop = await caller([])
    const starts = (next: () => void): unknown => (when === 'in a later one' ? setImmediate(next) : process.nextTick(next))
    const slow: Interceptor = (options, next) =>
      new InterceptingCall(next(options), { start: (metadata, listener, go) => void starts(() => go(metadata, listener)) })
    const parent = parentCall(10_000)
    const { call, ended } = shop.client.unaryCall('', { interceptors: [slow], parent: parent as never })
    call.cancel()
    expect(await ended.then(({ code, details }) => [code, details])).toEqual([Status.CANCELLED, 'Cancelled on client'])
    expect(parent.listenerCount('cancelled')).toBe(0)
  })

  it('after the first message of a stream gets no second one', async () => {
    let cancelled = false
    await using server = await upstream({
      scatter: (call) => {
        call.on('cancelled', () => {
          cancelled = true
        })
        call.write(Buffer.from('first'))
      },
    })
    await using shop = await caller([server.address])
    const { call, ended } = shop.client.scatter('')
    call.once('data', () => call.cancel())
    expect(await ended.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.CANCELLED, 'first'])
    await until(() => cancelled)
  })

  it('after its call is over changes nothing', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address])
    const { call, ended } = shop.client.unaryCall('x')
    const { code } = await ended
    call.cancel()
    expect(code).toBe(Status.OK)
  })
})

describe('a call under the call of a server', () => {
  it('has its deadline, and ends with it', async () => {
    const { seen, handlers } = hanging()
    await using server = await upstream(handlers)
    await using shop = await caller([server.address])
    const parent = parentCall(60)
    expect((await shop.client.unary('', { parent: parent as never })).code).toBe(Status.DEADLINE_EXCEEDED)
    const second = shop.client.unary('', { parent: parentCall(10_000) as never })
    const third = parentCall(10_000)
    const cancelled = shop.client.unary('', { parent: third as never })
    await until(() => seen.begun === 3)
    third.emit('cancelled')
    expect(await cancelled.then(({ code, details }) => [code, details])).toEqual([Status.CANCELLED, 'Cancelled by parent call'])
    expect([parent.listenerCount('cancelled'), third.listenerCount('cancelled')]).toEqual([0, 0])
    await shop.mesh.close({ graceMs: 0 })
    await second
  })

  it('goes its own way where the program says so', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address])
    const parent = parentCall(-1)
    const flags = propagate.DEFAULTS & ~propagate.DEADLINE & ~propagate.CANCELLATION
    expect((await shop.client.unary('', { parent: parent as never, propagate_flags: flags })).code).toBe(Status.OK)
    expect(parent.listenerCount('cancelled')).toBe(0)
  })
})

describe('an error', () => {
  it('of the server is the server’s own, with its trailers', async () => {
    await using server = await upstream({
      unary: (_call, callback) =>
        callback({ code: Status.NOT_FOUND, details: 'no \u00e4pfel\n', metadata: metadataOf({ 'x-why': 'gone' }) }),
    })
    await using shop = await caller([server.address])
    const { error, trailers } = await shop.client.unary('')
    expect([error?.code, error?.details, trailers.get('x-why')]).toEqual([Status.NOT_FOUND, 'no \u00e4pfel\n', ['gone']])
    expect(error).not.toHaveProperty('cause')
  })

  it('of the mesh says what happened in a sentence, and has a MeshError as its cause', async () => {
    await using shop = await caller(['127.0.0.1:9'])
    const { error, code } = await shop.client.unary('')
    const { cause } = error as ServiceError & { cause?: unknown }
    expect([code, MeshError.is(cause)]).toEqual([Status.UNAVAILABLE, true])
    expect(error?.details).toMatch(
      /^bytes: no connection could be made for unary \/test\.Bytes\/unary, after \d+ ms, 1 attempt, last 127\.0\.0\.1:9 unreached \(connect ECONNREFUSED 127\.0\.0\.1:9\)$/,
    )
    expect(cause).toMatchObject({ code: 'UNREACHED', service: 'bytes', endpoint: '127.0.0.1:9' })
    expect(error?.metadata.getMap()).toEqual({})
  })

  it('about a service that nobody knows names it', async () => {
    await using shop = await caller([])
    const stranger = new Client('nobody', credentials.createInsecure(), { channelOverride: meshChannel(shop.mesh, 'nobody') })
    const error = await new Promise<ServiceError>((resolve) =>
      stranger.makeUnaryRequest('/a.B/C', Buffer.from, Buffer.from, Buffer.alloc(0), (failure) => resolve(failure as ServiceError)),
    )
    expect([error.code, error.cause]).toMatchObject([Status.UNAVAILABLE, { code: 'NOT_REGISTERED' }])
    expect(error.details).toBe('nobody: no service of that name is registered, and neither discovery nor a policy knows one')
  })

  it('after the first message of a stream comes after it', async () => {
    await using server = await upstream({
      scatter: (call) => {
        call.write(Buffer.from('first'))
        call.emit('error', { code: Status.DATA_LOSS, details: 'half of it' })
      },
    })
    await using shop = await caller([server.address])
    const ended = await shop.client.scatter('').ended
    expect([ended.code, ended.details, String(ended.messages)]).toEqual([Status.DATA_LOSS, 'half of it', 'first'])
    expect(await shop.mesh.metrics()).toMatch(/zerohop_calls_total\{[^}]*verdict="fault"[^}]*\} 1/)
  })

  it('that the program throws where it hears of one is an uncaught exception, and no rejection', async () => {
    await using shop = await caller([])
    const others = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[]
    process.removeAllListeners('uncaughtException')
    try {
      const caught = once(process, 'uncaughtException')
      const bug = new Error('a bug of the program')
      const same = (message: Buffer): Buffer => message
      shop.client.makeUnaryRequest('/test.Bytes/unary', same, same, Buffer.from('a'), () => {
        throw bug
      })
      expect((await caught)[0]).toBe(bug)
    } finally {
      for (const other of others) process.on('uncaughtException', other)
    }
  })
})
