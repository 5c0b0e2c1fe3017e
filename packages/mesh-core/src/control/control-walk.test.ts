import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { Control } from './control.ts'
import type { ControlReply } from './control-http.ts'
import { controlSettings } from './control-options.ts'
import { ControlUnderTest, type Misbehaviour, reply } from './control-under-test.ts'

const silence = { info: () => {}, warn: () => {}, error: () => {} }

interface SaneDocument {
  readonly sections: Record<string, string>
  readonly endpoints: Record<string, { hash: string }>
}

/** Spoils the sane answer to a poll; where there is none, the poll gets an answer of this kind all the same. */
function spoiled(api: ControlUnderTest, spoil: (document: SaneDocument) => unknown): Misbehaviour {
  return (poll) => {
    const sane = api.answer({ ...poll, after: null }, 'cart', true) as ControlReply
    return reply(200, spoil(JSON.parse(sane.body.toString())))
  }
}

function misbehaviours(api: ControlUnderTest): Record<string, Misbehaviour> {
  return {
    garbage: () => reply(200, '<html>'),
    empty: () => reply(200, ''),
    null: () => reply(200, 'null'),
    list: () => reply(200, '[]'),
    reset: () => new Error('ECONNRESET'),
    silence: () => 'silence',
    redirect: () => ({ status: 302, headers: { location: 'http://elsewhere' }, body: Buffer.alloc(0) }),
    error: () => reply(500, 'oops'),
    forbidden: () => reply(403, { error: { code: 'wrong_token', message: 'no', problems: [] } }),
    nothing: () => ({ status: 204, headers: { 'zerohop-version': api.version }, body: Buffer.alloc(0) }),
    nothingOfAnotherEpoch: () => ({ status: 204, headers: { 'zerohop-version': 'zzz.4' }, body: Buffer.alloc(0) }),
    truncated: (poll) => {
      const { body } = api.answer({ ...poll, after: null }, 'cart', true) as ControlReply
      return { status: 200, headers: {}, body: body.subarray(0, body.length / 2) }
    },
    wrongHash: spoiled(api, (document) => ({
      ...document,
      sections: Object.fromEntries(Object.keys(document.sections).map((name) => [name, 'x'])),
    })),
    wrongList: spoiled(api, (document) => ({
      ...document,
      endpoints: Object.fromEntries(
        Object.entries(document.endpoints).map(([name, { hash }]) => [name, { hash, full: [{ address: '6.6.6.6:6' }] }]),
      ),
    })),
    foreignDelta: spoiled(api, (document) => ({
      ...document,
      endpoints: { inventory: { hash: 'x', from: 'y', put: [{ address: '6.6.6.6:6' }], drop: [] } },
    })),
    olderRevision: spoiled(api, (document) => ({ ...document, revision: 0, sections: {}, policies: {}, endpoints: {} })),
    unchanged: spoiled(api, (document) => document),
    withoutContent: spoiled(api, (document) => ({ ...document, policies: {}, endpoints: {} })),
  }
}

const kinds = Object.keys(misbehaviours(new ControlUnderTest(fakeClock())))

type Move =
  | { do: 'spoil'; kind: string }
  | { do: 'endpoints'; count: number }
  | { do: 'policy'; ms: number }
  | { do: 'wait'; ms: number }
  | { do: 'restart' }

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('spoil' as const), kind: fc.constantFrom(...kinds) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('endpoints' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('policy' as const), ms: fc.integer({ min: 1, max: 9999 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 80_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

test('whatever a control API answers, what was good is never lost, and a sane one is followed to its newest document', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 40 }), fc.integer(), async (moves, seed) => {
      const clock = fakeClock()
      const api = new ControlUnderTest(clock)
      const settings = controlSettings({ control: ['http://a:1', 'http://b:1'], lastGood: false, instance: 'cart-1' })
      if (settings === null) throw new Error('no settings')
      const control = new Control({
        service: 'cart',
        settings,
        own: null,
        http: api,
        clock,
        wallNow: Date.now,
        random: seededRandom(seed),
        log: silence,
        sdk: '0.1.0',
        aside: (work) => work(),
      })
      // Everything that was ever true; nothing else may ever be in force.
      const timeouts = new Set<number>([1])
      const lists = new Set<string>(['10.0.0.1:80'])
      let inForce = 0
      control.begin({
        adopt: (set) => {
          inForce = set.services.get('inventory')?.timeout ?? 0
          return []
        },
        refuse: (problems) => {
          throw new Error(problems.join())
        },
      })
      const list = (): string =>
        control.discovery
          .watch('inventory')
          ?.current?.map(({ address }) => address)
          .join() ?? 'none'
      const check = (): void => {
        expect(timeouts).toContain(inForce)
        expect(lists).toContain(list())
      }
      api.putPolicy('inventory', { timeout: 1 })
      api.putEndpoints('inventory', '10.0.0.1:80')
      control.discovery.watch('inventory')
      await clock.advance('1s')
      check()
      const spoils = misbehaviours(api)
      let newest = { timeout: 1, list: '10.0.0.1:80' }
      for (const step of moves) {
        if (step.do === 'spoil') api.next.push(spoils[step.kind] as Misbehaviour)
        else if (step.do === 'wait') await clock.advance(step.ms)
        else if (step.do === 'policy') {
          newest = { ...newest, timeout: step.ms }
          timeouts.add(step.ms)
          api.putPolicy('inventory', { timeout: step.ms })
        } else if (step.do === 'endpoints') {
          const addresses = Array.from({ length: step.count }, (_, n) => `10.0.${api.index}.${n}:80`)
          newest = { ...newest, list: addresses.join() }
          lists.add(newest.list)
          api.putEndpoints('inventory', ...addresses)
        } else {
          // Killed with its last changes of endpoints unsaved: the index goes back, the revision does not.
          api.index = Math.max(1, api.index - 3)
        }
        check()
      }
      api.next.length = 0
      api.putPolicy('defaults', { timeout: '20s' })
      await clock.advance('3m')
      api.putPolicy('cart', { timeout: '20s' })
      await clock.advance('3m')
      expect({ timeout: inForce, list: list() }).toEqual(newest)
      expect(control.explain()).toMatchObject({ state: 'connected', version: api.version, revision: api.revision })
      await control.close()
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 150 },
  )
}, 60_000)

test('the directory of the last good document has a default below that for temporary files', () => {
  expect(controlSettings({ control: 'http://a:1' })?.lastGood).toBe(join(tmpdir(), `zerohop-${process.getuid?.()}`))
})
