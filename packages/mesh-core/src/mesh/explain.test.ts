import { describe, expect, test } from 'vitest'
import { WatchSource } from '../kernel/watch.ts'
import { bareStack } from '../testing/bare-stack.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { assembleMesh } from './mesh.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

function underTest(policy: object) {
  const clock = fakeClock()
  const infos = ['a', 'a', 'b'].map((zone, n) => ({ address: `10.0.0.${n}:80`, labels: {}, zone, weight: 1 }))
  const source = new WatchSource<readonly (typeof infos)[number][]>(infos)
  const discovery = { name: 'test', watch: () => source, services: () => ['s'], close: async () => {} }
  const mesh = assembleMesh(
    { service: 'caller', zone: 'a', discovery, policy: { service: 's', ...policy }, log: quiet },
    { clock, random: seededRandom(1), jitter: () => 0, network: null },
  )
  return { clock, mesh, source, infos, explained: () => mesh.explain('s').services[0] }
}

describe('what explain says of endpoints', () => {
  test('is the zone of each, and how many calls stay in that of the caller', async () => {
    const { mesh, explained } = underTest({ zones: { minEndpoints: 3 } })
    expect(explained()?.zone).toEqual({ name: 'a', share: 1 })
    expect(explained()?.endpoints.map(({ zone }) => zone)).toEqual(['a', 'a', 'b'])
    await mesh.close()
  })

  test('is nothing about zones where they do not matter', async () => {
    const { mesh, explained } = underTest({})
    expect(explained()?.zone).toBeNull()
    await mesh.close()
  })

  test('is the part of its weight that a new one has', async () => {
    const { mesh, explained, source, infos, clock } = underTest({ slowStart: '30s' })
    explained()
    source.set([...infos, { address: '10.0.0.9:80', labels: {}, zone: 'a', weight: 1 }])
    expect(explained()?.endpoints.map(({ warmth }) => warmth)).toEqual([1, 1, 1, 0.1])
    await clock.advance('15s')
    expect(explained()?.endpoints.at(-1)?.warmth).toBe(0.5)
    await clock.advance('15s')
    expect(explained()?.endpoints.at(-1)?.warmth).toBe(1)
    await mesh.close()
  })
})

describe('an endpoint at which nobody listens', () => {
  test('is told apart from one that was ejected', async () => {
    const { run, state } = bareStack({ balance: 'round-robin', retry: { backoff: { base: 0, cap: 0 } } }, (call) =>
      call.endpoint?.address === 'v1-0:1' ? 'unreached' : 'ok',
    )
    for (let n = 0; n < 8; n++) expect((await run()).verdict).toBe(1)
    expect(state.endpoints.all.map(({ avoided, out }) => [avoided, out])).toEqual([
      [true, true],
      [false, false],
    ])
    expect(state.ejections.out).toBe(0)
  })
})
