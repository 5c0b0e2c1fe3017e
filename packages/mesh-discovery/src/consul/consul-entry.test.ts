import { type FakeClock, fakeClock, seededRandom } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { type ConsulAnswer, ConsulFailure, type ConsulQuestion } from './consul-client.ts'
import { ConsulEntry, type ConsulEntryOptions } from './consul-entry.ts'

type Word = 'register' | 'pass' | 'deregister'

interface Scene {
  readonly clock: FakeClock
  readonly entry: ConsulEntry
  /** What the agents were asked: a word, and when. */
  readonly asked: [Word, number][]
  readonly fields: Record<string, unknown>[]
  readonly lines: string[]
  /** Set to make the agent fail from now on. */
  agent: { fails: (word: Word) => Error | null | Promise<null> }
}

function scene(options: Partial<ConsulEntryOptions> = {}): Scene {
  const clock = fakeClock()
  const asked: [Word, number][] = []
  const fields: Record<string, unknown>[] = []
  const lines: string[] = []
  const agent: Scene['agent'] = { fails: () => null }
  const hear = (word: Word) => async (told: Record<string, unknown>) => {
    asked.push([word, clock.now()])
    fields.push(told)
    const failure = await agent.fails(word)
    if (failure !== null) throw failure
  }
  const consul = { agent: { service: { register: hear('register'), deregister: hear('deregister') }, check: { pass: hear('pass') } } }
  const ask = async ({ send }: ConsulQuestion): Promise<ConsulAnswer> => {
    await send(consul as never, {})
    return { body: undefined, headers: {}, address: 'http://agent' }
  }
  const say = (line: string): void => void lines.push(line)
  const entry = new ConsulEntry({
    name: 'payment',
    server: { address: '10.0.0.1:8080', labels: { version: 'v1', 'app.k8s.io/x': 'y' }, zone: 'a', weight: 2 },
    tags: ['urgent'],
    check: 'ttl',
    ttlMs: 15_000,
    client: { ask, size: 1 },
    clock,
    random: seededRandom(1),
    log: { info: say, warn: say, error: say },
    ...options,
  })
  void entry.run()
  return { clock, entry, asked, fields, lines, agent }
}

test('an entry is made, says at once that it lives, and says so again every third of its time', async () => {
  const { clock, entry, asked } = scene()
  await clock.advance(10_000)
  expect(asked).toEqual([
    ['register', 0],
    ['pass', 0],
    ['pass', 5000],
    ['pass', 10_000],
  ])
  await entry.release()
})

test('labels, zone and weight are meta, and a label that meta cannot hold is a tag', async () => {
  const { clock, entry, fields } = scene()
  await clock.advance(0)
  expect(fields[0]).toMatchObject({
    id: 'payment@10.0.0.1:8080',
    name: 'payment',
    address: '10.0.0.1',
    port: 8080,
    meta: { version: 'v1', zone: 'a', weight: '2' },
    tags: ['urgent', 'app.k8s.io/x=y'],
    check: { ttl: '15000ms', deregistercriticalserviceafter: '1m' },
  })
  await entry.release()
})

test('with a path the agent asks the server itself, and is told anew of an entry that it may have lost', async () => {
  const { clock, entry, asked, fields } = scene({ check: { http: '/readyz' } })
  await clock.advance(5000)
  expect(fields[0]).toMatchObject({ check: { http: 'http://10.0.0.1:8080/readyz', interval: '5000ms' } })
  expect(asked.map(([word]) => word)).toEqual(['register', 'register'])
  await entry.release()
})

test('an agent that lost its state is told anew within the same renewal', async () => {
  const { clock, entry, asked, agent } = scene()
  await clock.advance(0)
  let isLost = true
  agent.fails = (word) => {
    if (word === 'register') isLost = false
    return word === 'pass' && isLost ? new ConsulFailure('http://agent: the answer is 500: CheckID does not exist', 500) : null
  }
  await clock.advance(5000)
  expect(asked.slice(2).map(([word]) => word)).toEqual(['pass', 'register', 'pass'])
  await entry.release()
})

test('while no agent answers it is tried again, up to every 4 s, and told once', async () => {
  const { clock, entry, asked, lines, agent } = scene()
  await clock.advance(0)
  agent.fails = () => new ConsulFailure('http://agent: connect ECONNREFUSED')
  await clock.advance(60_000)
  expect(lines).toEqual([
    'payment: registered with Consul at http://agent as payment@10.0.0.1:8080',
    'payment: 10.0.0.1:8080 is not registered with Consul, and is tried again: http://agent: connect ECONNREFUSED',
  ])
  expect(asked.length).toBeLessThan(40)
  agent.fails = () => null
  await clock.advance(4000)
  expect(asked.slice(-2).map(([word]) => word)).toEqual(['register', 'pass'])
  await entry.release()
})

test('a release takes the entry out, asks nothing more, and leaves no timer', async () => {
  const { clock, entry, asked } = scene()
  await clock.advance(0)
  await entry.release()
  await clock.advance(60_000)
  expect([asked.map(([word]) => word), clock.pending]).toEqual([['register', 'pass', 'deregister'], 0])
})

test('a release lets a renewal that is under way end first: it would make the entry anew', async () => {
  const { clock, entry, asked, agent } = scene()
  await clock.advance(0)
  const { promise, resolve } = Promise.withResolvers<null>()
  agent.fails = (word) => (word === 'pass' ? promise : null)
  await clock.advance(5000)
  const released = entry.release()
  await clock.advance(0)
  expect(asked.at(-1)?.[0]).toBe('pass')
  resolve(null)
  await released
  expect(asked.at(-1)?.[0]).toBe('deregister')
})

test('a release waits a second for an agent that does not answer, and no longer', async () => {
  const { clock, entry, agent } = scene()
  await clock.advance(0)
  agent.fails = () => new Promise<null>(() => {})
  let isReleased = false
  void entry.release().then(() => {
    isReleased = true
  })
  await clock.advance(999)
  expect(isReleased).toBe(false)
  await clock.advance(1)
  expect(isReleased).toBe(true)
})

test('what a server says anew is registered at once, and told to whoever waits', async () => {
  const { clock, entry, asked, fields, agent } = scene()
  await clock.advance(1000)
  const changed = { address: '10.0.0.1:8080', labels: { 'zerohop-tls': 'mtls' }, zone: 'a', weight: 2 }
  let isListed = false
  agent.fails = () => new ConsulFailure('away', 0)
  void entry.relist(changed).then(() => {
    isListed = true
  })
  await clock.advance(0)
  expect([asked.at(-1), isListed]).toEqual([['register', 1000], false])
  agent.fails = () => null
  await clock.advance(10_000)
  expect([fields.findLast((told) => 'meta' in told), isListed]).toMatchObject([{ meta: { 'zerohop-tls': 'mtls', weight: '2' } }, true])
  await entry.release()
  await entry.relist(changed)
})
