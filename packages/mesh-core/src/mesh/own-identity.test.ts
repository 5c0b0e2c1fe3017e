import { expect, test } from 'vitest'
import type { MtlsMode } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type TestIdentitySource, testAuthority } from '../testing/test-authority.ts'
import { Announcements } from './announcements.ts'
import type { MeshEvents } from './mesh-face.ts'
import { OwnIdentity } from './own-identity.ts'

const hourMs = 3_600_000
const authority = testAuthority()

interface Over {
  readonly mtls?: MtlsMode
  readonly source?: TestIdentitySource | null
  readonly lifeMs?: number
  readonly service?: string
}

function scene({ mtls = 'permissive', lifeMs = 24 * hourMs, service = 'cart', source }: Over = {}) {
  const clock = fakeClock()
  // Certificates tell whole seconds.
  const startedAt = Math.floor(Date.now() / 1000) * 1000
  const wallNow = (): number => startedAt + clock.now()
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const log = { info: () => {}, warn: write, error: write }
  const announcements = new Announcements(log)
  const heard: MeshEvents['identity'][] = []
  announcements.on('identity', (event) => heard.push(event))
  const mode = new WatchSource<MtlsMode>(mtls)
  const own = source === undefined ? authority.identitySource('cart', { notAfter: startedAt + lifeMs }) : source
  const identity = new OwnIdentity({ service, source: own, mtls: mode, clock, wallNow, log, announcements })
  return { clock, wallNow, startedAt, lines, heard, mode, source: own as TestIdentitySource, identity }
}

/** A source that has nothing yet. */
function empty(over: Partial<TestIdentitySource> = {}): TestIdentitySource {
  const source = authority.identitySource('cart')
  return Object.assign(source, { current: undefined }, over)
}

test('readiness ends five minutes before the certificate does, or with the last 3 % of a short one, and comes back with the next', async () => {
  for (const [lifeMs, marginMs] of [
    [24 * hourMs, 300_000],
    [20_000, 600],
  ] as const) {
    const { clock, identity, source, wallNow, lines, heard } = scene({ lifeMs })
    identity.begin()
    await clock.advance(lifeMs - marginMs - 1)
    expect(identity.unready).toBe('')
    await clock.advance(1)
    expect(identity.unready).toMatch(/^the certificate of spiffe:\/\/test\.zerohop\/svc\/cart expires at .*, and no newer one has come$/)
    Object.assign(source, { problem: 'ECONNREFUSED' })
    await clock.advance(marginMs)
    expect(identity.unready).toMatch(/expired at .*, and ECONNREFUSED$/)
    expect(identity.explain()?.problem).toBe(identity.unready)
    expect(lines).toHaveLength(2)
    expect(heard.map(({ problem }) => problem.replace(/ at .*/, ''))).toEqual([
      '',
      'the certificate of spiffe://test.zerohop/svc/cart expires',
      'the certificate of spiffe://test.zerohop/svc/cart expired',
    ])
    source.turn(authority.identityOf('cart', { notAfter: wallNow() + lifeMs }))
    expect(identity.unready).toBe('')
    expect(heard.at(-1)).toMatchObject({ problem: '', notAfter: wallNow() + lifeMs })
    await identity.close()
    expect(clock.pending).toBe(0)
  }
})

test('a certificate that ended while the machine slept is noticed whenever readiness is asked', async () => {
  const { clock, identity, mode } = scene({ lifeMs: hourMs })
  identity.begin()
  await clock.advance(2 * hourMs)
  expect(identity.unready).toMatch(/expired/)
  mode.set('disabled')
  expect(identity.unready).toBe('')
  await identity.close()
})

test('without an identity a strict service is not ready, and says why; any other is', async () => {
  const without = scene({ source: null, mtls: 'strict' })
  expect(without.identity.unready).toMatch(
    /takes mutual TLS only, and this process has no identity: it has no source of one: give createMesh a `token`/,
  )
  without.mode.set('permissive')
  expect(without.identity.unready).toBe('')
  expect([without.identity.source, without.identity.explain()]).toEqual([null, null])
  const awaiting = scene({ source: empty({ problem: '' }), mtls: 'strict' })
  expect(awaiting.identity.unready).toMatch(/it is still awaited/)
  expect(awaiting.identity.explain()).toEqual({ source: 'test', spiffeId: '', notAfter: 0, generation: 0, problem: '' })
})

test('ready waits for the first identity, for two seconds, or until it is known that there is none', async () => {
  const waiting = async (source: TestIdentitySource) => {
    const it = scene({ source })
    const state = { isReady: false }
    void it.identity.ready().then(() => {
      state.isReady = true
    })
    await it.clock.advance(0)
    return { ...it, state }
  }
  const late = await waiting(empty())
  await late.clock.advance(1999)
  expect(late.state.isReady).toBe(false)
  await late.clock.advance(1)
  expect(late.state.isReady).toBe(true)
  const soon = await waiting(empty())
  expect(soon.state.isReady).toBe(false)
  soon.source.turn()
  await soon.clock.advance(0)
  expect(soon.state.isReady).toBe(true)
  const absent = await waiting(empty({ settled: () => Promise.resolve(), isAbsent: true }))
  expect(absent.state.isReady).toBe(true)
  expect(absent.identity.source).toBe(null)
  const there = await waiting(authority.identitySource('cart'))
  expect(there.state.isReady).toBe(true)
})

test('a source begins with the first use and once, and never after the end', async () => {
  let begun = 0
  const source = empty({ start: () => void begun++ })
  const { identity } = scene({ source })
  expect(begun).toBe(0)
  identity.begin()
  identity.begin()
  expect(begun).toBe(1)
  await identity.close()
  const other = scene({ source })
  await other.identity.close()
  other.identity.begin()
  expect(begun).toBe(1)
})

test('a process that proves another name than it calls itself by is told so once', () => {
  const { lines, source } = scene({ service: 'payment' })
  source.turn()
  expect(lines).toEqual([
    'this process calls itself payment, and proves to be spiffe://test.zerohop/svc/cart: who calls payment will not believe it',
  ])
})
