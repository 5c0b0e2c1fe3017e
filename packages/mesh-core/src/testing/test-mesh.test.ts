import { describe, expect, it } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Outcome } from '../kernel/outcome.ts'
import { OK, UNREACHED } from '../kernel/verdict.ts'
import { partsOf } from '../mesh/mesh-face.ts'
import type { Wire } from '../stack/wire.ts'
import { seededRandom } from './seeded-random.ts'
import { type TestMesh, testMesh } from './test-mesh.ts'

// The smallest wire there can be: it delivers the message and takes whatever comes for an answer.
function wireOf(t: TestMesh): Wire {
  const answer = { reply: null, error: null, code: '', retryAfterMs: -1, staleConnection: false, open: false } as const
  return {
    name: 'memory',
    answer: (call, status) => new Outcome(call, OK, { ...answer, reply: { status: String(status), discard: () => {} }, at: t.clock.now() }),
    bottom: () => async (call) => {
      const address = call.endpoint?.address ?? ''
      try {
        const status = String(await t.network.deliver(address, call.message, new AbortController().signal))
        return new Outcome(call, OK, { ...answer, reply: { status, discard: () => {} }, at: t.clock.now() })
      } catch (error) {
        return new Outcome(call, UNREACHED, { ...answer, error: error as Error, at: t.clock.now() })
      }
    },
  }
}

async function ask(t: TestMesh, wire: Wire, message: unknown = 'hello'): Promise<Outcome> {
  const service = 'stock'
  const destination = partsOf(t.mesh).destination(service, wire)
  if (destination === null) throw new Error(`${service} is unknown`)
  const call = new Call({ service, method: 'GET', path: '/', kind: 'unary', message, replayable: true, idempotent: true })
  call.startedAt = t.clock.now()
  const sent = destination.send(call)
  await t.clock.advance('1s')
  return sent
}

describe('a test mesh', () => {
  it('knows the services put beside it, counts their requests over all instances, and notes who got them', async () => {
    await using t = testMesh({ policy: { service: 'stock', balance: 'round-robin' } })
    const numbers: number[] = []
    const stock = t.service<string>('stock', { instances: 2 }, (_, n) => {
      numbers.push(n)
      return 200 + n
    })
    const wire = wireOf(t)
    const statuses: (string | undefined)[] = []
    for (let n = 0; n < 4; n++) statuses.push((await ask(t, wire, `m${n}`)).reply?.status)
    expect(statuses).toEqual(['200', '201', '202', '203'])
    expect(numbers).toEqual([0, 1, 2, 3])
    expect(stock.calls.map((call) => call.request)).toEqual(['m0', 'm1', 'm2', 'm3'])
    expect(new Set(stock.calls.map((call) => call.address))).toEqual(new Set(stock.instances.map((instance) => instance.address)))
    expect(partsOf(t.mesh).destination('unknown', wire)).toBeNull()
    expect(() => t.service('stock', {}, () => 200)).toThrow('has a service "stock" already')
  })

  it('no longer calls an instance that stopped, and tries elsewhere when one died', async () => {
    await using t = testMesh()
    const stock = t.service('stock', { instances: 2, versions: ['v1', 'v2'] }, () => 200)
    const [one, two] = stock.instances
    expect(stock.instances.map((instance) => instance.version)).toEqual(['v1', 'v2'])
    const wire = wireOf(t)
    one?.stop()
    for (let n = 0; n < 5; n++) expect((await ask(t, wire)).verdict).toBe(OK)
    expect(new Set(stock.calls.map((call) => call.address))).toEqual(new Set([two?.address]))

    one?.start()
    two?.kill()
    for (let n = 0; n < 5; n++) expect((await ask(t, wire)).verdict).toBe(OK)
    expect(new Set(stock.calls.slice(5).map((call) => call.address))).toEqual(new Set([one?.address]))
    expect(t.mesh.explain('stock').services).toHaveLength(1)
  })

  it('makes the same choices for the same seed', async () => {
    const route = async (seed: number): Promise<string[]> => {
      await using t = testMesh({ seed })
      const stock = t.service('stock', { instances: 5 }, () => 200)
      const wire = wireOf(t)
      for (let n = 0; n < 12; n++) await ask(t, wire)
      return stock.calls.map((call) => call.address)
    }
    expect(await route(7)).toEqual(await route(7))
    expect(await route(7)).not.toEqual(await route(8))
  })

  it('refuses wrong options as createMesh does', () => {
    expect(() => testMesh({ service: 'Not A Name' })).toThrow('createMesh: service')
    expect(() => testMesh({ sed: 1 } as never)).toThrow('testMesh: unknown option `sed`: did you mean `seed`?')
  })

  it('refuses a service with unknown options, or without a handler', async () => {
    await using t = testMesh()
    expect(() => t.service('stock', { instance: 2 } as never, () => 200)).toThrow(
      't.service: unknown option `instance`: did you mean `instances`?',
    )
    expect(() => t.service('stock', (() => 200) as never, undefined as never)).toThrow(
      't.service: "stock" has no handler: it is the third argument, behind the options',
    )
    t.service('stock', {}, () => 200)
  })
})

describe('seeded random numbers', () => {
  it('are spread over [0, 1), repeat with their seed and differ between seeds', () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed)
      return Array.from({ length: 10_000 }, () => random())
    }
    const numbers = draw(1)
    expect(numbers).toEqual(draw(1))
    expect(numbers.slice(0, 5)).not.toEqual(draw(2).slice(0, 5))
    const tenths = new Array<number>(10).fill(0)
    for (const number of numbers) tenths[Math.floor(number * 10)]!++
    // 1000 expected in each; 150 is five standard deviations.
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})
