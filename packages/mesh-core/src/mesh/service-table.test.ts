import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import type { Discovery, EndpointInfo } from '../kernel/discovery.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { OK } from '../kernel/verdict.ts'
import { WatchSource } from '../kernel/watch.ts'
import { Meter } from '../observe/meter.ts'
import { type PolicyDocumentInput, readPolicies } from '../policy/index.ts'
import type { Wire } from '../stack/wire.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { inForce, type PolicyInForce } from './policy-in-force.ts'
import { ServiceTable } from './service-table.ts'

const one: readonly EndpointInfo[] = [{ address: '10.0.0.1:80', labels: {}, zone: '', weight: 1 }]

/** A registry whose services come and go. */
class Registry implements Discovery {
  readonly name = 'test'
  readonly listed = new Map<string, WatchSource<readonly EndpointInfo[]>>()
  asked = 0

  watch(service: string): WatchSource<readonly EndpointInfo[]> | null {
    this.asked++
    return this.listed.get(service) ?? null
  }

  services(): readonly string[] {
    return [...this.listed.keys()]
  }

  async close(): Promise<void> {}

  come(service: string): WatchSource<readonly EndpointInfo[]> {
    const source = new WatchSource(one)
    this.listed.set(service, source)
    return source
  }

  go(service: string): void {
    const source = this.listed.get(service)
    this.listed.delete(service)
    source?.set([])
  }
}

function policies(...documents: PolicyDocumentInput[]): PolicyInForce {
  const reading = readPolicies(documents, 'test')
  if (!reading.ok) throw new Error(reading.problems.join('; '))
  return inForce(reading.set)
}

function underTest(first = policies(), script: ScriptEntry = 'ok') {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const meter = new Meter({ clock })
  const registry = new Registry()
  const told: string[] = []
  const bottom = scriptedSend(script, clock)
  let built = 0
  const wire: Wire = {
    name: 'http',
    bottom: ({ service }) => {
      if (service === 'unbuildable' && built++ > 0) throw new Error('no')
      return bottom
    },
    answer: () => {
      throw new Error('no fault is injected here')
    },
  }
  const now = { policies: first }
  const table: ServiceTable = new ServiceTable({
    zone: '',
    ground: { clock, wheel, random: () => 0, jitter: () => 0, meter, tracer: () => null },
    discovery: registry,
    policies: () => now.policies,
    listener: (service) => ({
      breaker: () => {},
      outlier: () => {},
      health: () => {},
      problem: () => {},
      endpoints: (count) => told.push(`${service} ${count} ${table.find(service) === null ? 'unknown' : 'known'}`),
    }),
  })
  const adopt = (next: PolicyInForce): void => {
    const swap = table.prepare(next)
    now.policies = next
    swap()
  }
  const call = (service: string) => {
    const made = new Call({ service, method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
    made.startedAt = clock.now()
    return table.destination(service, wire)?.send(made) ?? null
  }
  return { clock, meter, registry, table, wire, bottom, told, adopt, call }
}

describe('the table of services', () => {
  test('does not know what neither discovery nor a policy knows, and keeps nothing of the question', () => {
    const { table, wire } = underTest()
    for (let n = 0; n < 1000; n++) expect(table.destination(`stranger-${n}`, wire)).toBeNull()
    expect([...table.met]).toEqual([])
  })

  test('hands out one destination for each service and wire, and one state for both wires', () => {
    const { table, registry, wire } = underTest()
    registry.come('cart')
    const http = table.destination('cart', wire)
    expect(table.destination('cart', wire)).toBe(http)
    expect(table.destination('cart', { ...wire, name: 'grpc' })).not.toBe(http)
    expect([...table.met]).toHaveLength(1)
  })

  test('refuses calls to a service that only a policy names, until discovery learns of it', async () => {
    const { registry, call } = underTest(policies({ service: 'cart', timeout: '1s' }))
    expect((await call('cart'))?.code).toBe('NO_ENDPOINT')
    registry.come('cart')
    expect((await call('cart'))?.verdict).toBe(OK)
  })

  test('may be asked about a service by whoever is told of its first endpoints', () => {
    const { table, registry, told } = underTest()
    registry.come('cart')
    table.find('cart')
    expect(told).toEqual(['cart 1 known'])
  })

  test('asks discovery again only for services without endpoints', async () => {
    const { registry, call } = underTest()
    registry.come('cart')
    for (let n = 0; n < 10; n++) await call('cart')
    expect(registry.asked).toBe(1)
  })

  test('puts a policy in force everywhere at once, or nowhere', () => {
    const first = policies()
    const { table, registry, wire, adopt } = underTest(first)
    for (const service of ['cart', 'user']) registry.come(service)
    const [cart, user] = ['cart', 'user'].map((service) => table.destination(service, wire)) as { revision: string; send: unknown }[]
    const before = [cart?.send, user?.send]
    const next = policies({ service: 'cart', timeout: '1s' })
    const swap = table.prepare(next)
    expect([cart?.send, user?.send]).toEqual(before)
    swap()
    expect([cart?.revision, user?.revision]).toEqual([next.revision, next.revision])
    expect(cart?.send).not.toBe(before[0])
    registry.come('unbuildable')
    table.destination('unbuildable', wire)
    const good = cart?.send
    expect(() => adopt(policies({ service: 'cart', timeout: '2s' }))).toThrow('no')
    expect([cart?.send === good, cart?.revision, table.find('cart')?.policy.timeoutMs]).toEqual([true, next.revision, 1000])
  })
})

describe('a service that discovery no longer lists', () => {
  test('is unknown from then on, though nobody has looked through the table yet', async () => {
    const { registry, call, table } = underTest()
    registry.come('cart')
    await call('cart')
    registry.go('cart')
    expect(table.find('cart')).toBeNull()
    expect(call('cart')).toBeNull()
  })

  test('is forgotten with its series, its subscription and its endpoints', async () => {
    const { registry, call, table, meter } = underTest()
    const source = registry.come('cart')
    await call('cart')
    expect([...meter.calls(), ...meter.attempts()]).toHaveLength(2)
    registry.go('cart')
    table.forgetGone()
    expect([[...table.met], [...meter.calls(), ...meter.attempts()], source.listeners]).toEqual([[], [], 0])
  })

  test('is kept while a call to it is under way, and while a policy names it', async () => {
    const { registry, call, table, bottom, clock } = underTest(policies({ service: 'named', timeout: '1s' }), 'never')
    registry.come('cart')
    registry.come('named')
    const done = call('cart')
    void call('named')
    await clock.advance('2s')
    registry.go('cart')
    registry.go('named')
    table.forgetGone()
    expect([...table.met].map(({ service }) => service)).toEqual(['cart', 'named'])
    bottom.answer(0, 'ok')
    await done
    table.forgetGone()
    expect([...table.met].map(({ service }) => service)).toEqual(['named'])
  })

  test('is kept where it has no endpoints for the moment and is still listed', () => {
    const { registry, table } = underTest()
    registry.come('cart').set([])
    table.find('cart')
    table.forgetGone()
    expect([...table.met]).toHaveLength(1)
  })

  test('may come back: a door that kept its destination is led to where it is now', async () => {
    const { registry, table, wire, clock } = underTest()
    registry.come('cart')
    const kept = table.destination('cart', wire)
    registry.go('cart')
    table.forgetGone()
    const made = () => {
      const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
      call.startedAt = clock.now()
      return call
    }
    expect((await kept?.send(made()))?.code).toBe('NO_ENDPOINT')
    registry.come('cart')
    expect((await kept?.send(made()))?.verdict).toBe(OK)
  })

  test('leaves nothing behind: 10,000 names come and go, and the table stays small', async () => {
    const { registry, call, table, meter } = underTest()
    registry.come('steady')
    let most = 0
    const sources = []
    for (let n = 0; n < 10_000; n++) {
      const service = `job-${n}`
      sources.push(registry.come(service))
      await call(service)
      registry.go(service)
      most = Math.max(most, [...table.met].length)
    }
    await call('steady')
    table.forgetGone()
    expect(most).toBeLessThanOrEqual(65)
    expect([...table.met].map(({ service }) => service)).toEqual(['steady'])
    expect([...meter.calls(), ...meter.attempts()]).toHaveLength(2)
    expect(sources.every(({ listeners }) => listeners === 0)).toBe(true)
  })
})

test('a closed table follows nobody, and still knows a service that it never met', () => {
  const { registry, table } = underTest()
  const cart = registry.come('cart')
  const user = registry.come('user')
  table.find('cart')
  table.close()
  // Known, so that a call to it is refused rather than passed by the mesh; without endpoints, so that it goes nowhere.
  expect(table.find('user')?.state.endpoints.closed).toBe(true)
  expect([cart.listeners, user.listeners]).toEqual([0, 0])
})
