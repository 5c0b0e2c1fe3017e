import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import type { Discovery, EndpointInfo } from '../kernel/discovery.ts'
import { OK, verdictName } from '../kernel/verdict.ts'
import { WatchSource } from '../kernel/watch.ts'
import type { Wire } from '../stack/wire.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { assembleMesh } from './mesh.ts'
import { type MeshEvents, partsOf } from './mesh-face.ts'
import type { MeshOptions } from './mesh-options.ts'

function listing(over: Partial<Discovery> = {}) {
  const source = new WatchSource<readonly EndpointInfo[]>(
    ['a:1', 'b:1'].map((address) => ({ address, labels: { version: 'v1' }, zone: '', weight: 1 })),
  )
  const discovery: Discovery = {
    name: 'test',
    watch: (service) => (service === 'payment' ? source : null),
    services: () => ['payment'],
    close: async () => {},
    ...over,
  }
  return { source, discovery }
}

function underTest(options: Partial<MeshOptions> = {}, verdict: 'ok' | 'fault' | 'never' = 'ok') {
  const { source, discovery } = listing()
  const clock = fakeClock()
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const mesh = assembleMesh(
    { service: 'cart', discovery, log: { info: write, warn: write, error: write }, ...options },
    { clock, random: () => 0, jitter: () => 0, network: null },
  )
  const bottom = scriptedSend(verdict, clock)
  const wire: Wire = {
    name: 'http',
    bottom: () => bottom,
    answer: () => {
      throw new Error('no fault is injected here')
    },
  }
  const run = async (service = 'payment') => {
    const call = new Call({ service, method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
    call.startedAt = clock.now()
    return (await partsOf(mesh).destination(service, wire)?.send(call)) ?? null
  }
  return { mesh, source, clock, lines, run, bottom }
}

describe('explain', () => {
  test('says in numbers what holds, where it came from, and how things stand', async () => {
    const { mesh, run } = underTest(
      {
        policy: [
          { timeout: '5s' },
          {
            service: 'payment',
            breaker: { consecutiveFailures: 2 },
            outlier: { consecutiveFailures: 1 },
            retry: { attempts: 2 },
            versions: { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } } },
            to: [{ version: 'v1' }, { version: 'v2', weight: 1 }],
          },
        ],
      },
      'fault',
    )
    await run()
    await run()
    const { mesh: name, problems, services } = mesh.explain('Payment')
    expect([name, problems, services.length]).toEqual(['cart', [], 1])
    const [payment] = services
    expect(payment).toMatchObject({
      service: 'payment',
      policy: { timeoutMs: 5000, breaker: { consecutiveFailures: 2, openForMs: 30_000 } },
      from: { timeout: 'defaults', breaker: 'service', limit: 'built-in' },
      breakers: [{ version: 'v1', state: 'open', reason: '2 failures in a row' }],
      now: { inFlight: 0, queued: 0, retriesLeft: 100 },
    })
    expect(payment?.endpoints.map(({ state }) => state).sort()).toEqual(['in', 'out: 1 failures in a row'])
    expect(payment?.notes).toEqual([
      'version v2 has a share of the calls and no endpoint: that share is refused',
      '1 of 2 endpoints may be ejected at once, 1 are',
    ])
  })

  test('answers with nothing for a service that the mesh does not know, and with all that are known without a name', () => {
    const { mesh } = underTest({ policy: { service: 'named', timeout: '1s' } })
    expect(mesh.explain('stranger').services).toEqual([])
    expect(mesh.explain().services.map(({ service }) => service)).toEqual(['named', 'payment'])
    expect(mesh.explain('named').services[0]?.notes).toEqual(['no endpoint is known: every call is refused'])
  })
})

describe('listeners', () => {
  test('hear of endpoints, breakers and ejections, until they stop', async () => {
    const { mesh, run, source } = underTest(
      { policy: { service: 'payment', breaker: { consecutiveFailures: 2 }, outlier: { consecutiveFailures: 2 } } },
      'fault',
    )
    const heard: unknown[] = []
    const hear = (event: MeshEvents[keyof MeshEvents]): void => void heard.push(event)
    const stops = [mesh.on('endpoints', hear), mesh.on('breaker', hear), mesh.on('outlier', hear)]
    for (let n = 0; n < 4; n++) await run()
    expect(heard).toEqual([
      { service: 'payment', count: 2 },
      { service: 'payment', endpoint: expect.any(String), state: 'ejected', reason: '2 failures in a row' },
      { service: 'payment', version: '', state: 'open', reason: '2 failures in a row' },
    ])
    for (const stop of stops) stop()
    source.set([])
    expect(heard).toHaveLength(3)
  })

  test('that throw harm neither calls nor each other, nor does a log that throws', async () => {
    const broken = (): never => {
      throw new Error('broken')
    }
    const { mesh, run } = underTest(
      { policy: { service: 'payment', breaker: { consecutiveFailures: 1 } }, log: { info: broken, warn: broken, error: broken } },
      'fault',
    )
    let heard = 0
    mesh.on('breaker', broken)
    mesh.on('breaker', () => heard++)
    await run()
    expect([heard, (await run())?.code]).toEqual([1, 'BREAKER_OPEN'])
  })

  test('of an event that there is not are told so', () => {
    const { mesh } = underTest()
    expect(() => mesh.on('breakers' as never, () => {})).toThrow('there is no event "breakers", only policy, endpoints, breaker, outlier')
  })
})

describe('the end of a mesh', () => {
  test('comes though discovery does not close, and lets go of its endpoints', async () => {
    const { source, discovery } = listing({ close: () => Promise.reject(new Error('stuck')) })
    const { mesh, run, lines } = underTest({ discovery })
    await run()
    expect(source.listeners).toBe(1)
    await mesh.close({ graceMs: 0 })
    expect([source.listeners, partsOf(mesh).closing]).toEqual([0, true])
    expect(lines.at(-1)).toContain('stuck')
  })

  test('refuses calls afterwards, sets no timer for nobody, and lets calls that outlive it end in time', async () => {
    const { mesh, run, clock } = underTest({}, 'never')
    const done = run()
    await clock.advance(0)
    await mesh.close({ graceMs: 0 })
    expect((await run())?.code).toBe('MESH_CLOSED')
    await clock.advance('15s')
    expect(verdictName((await done)?.verdict ?? OK)).toBe('expired')
    expect(clock.pending).toBe(0)
  })
})

test('gauges tell of endpoints, calls, budgets and breakers, and forget a service with its discovery', async () => {
  const listed = { now: true }
  const source = new WatchSource<readonly EndpointInfo[]>([{ address: 'a:1', labels: {}, zone: '', weight: 1 }])
  const { discovery } = listing({ watch: () => (listed.now ? source : null), services: () => (listed.now ? ['payment'] : []) })
  const { mesh, run } = underTest({ discovery, policy: { breaker: { consecutiveFailures: 1 } } }, 'fault')
  await run()
  const page = await mesh.metrics()
  for (const line of [
    'zerohop_breaker_state{service="payment",version=""} 1',
    'zerohop_calls_in_flight{service="payment"} 0',
    'zerohop_retry_budget_left{service="payment"} 100',
    'zerohop_endpoints{service="payment",state="in"} 1',
  ]) {
    expect(page).toContain(line)
  }
  listed.now = false
  source.set([])
  expect(await mesh.metrics()).not.toContain('payment')
})
