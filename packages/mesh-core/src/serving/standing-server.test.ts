import { expect, test } from 'vitest'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { Attendance } from './attendance.ts'
import { serverOptionChecks, serverSettings } from './server-options.ts'
import { type ServingWire, StandingServer } from './standing-server.ts'

function scene({ closing = false }: { closing?: boolean } = {}) {
  const clock = fakeClock()
  const network = new MemoryNetwork()
  const said: string[] = []
  const ends: ((graceMs: number) => Promise<void>)[] = []
  const wire: ServingWire = {
    attendance: new Attendance(clock),
    halfOpen: false,
    accept: () => said.push('accept'),
    turnAway: () => said.push('turn away'),
    shut: async (stopListening) => {
      said.push('shut')
      await stopListening()
    },
    cut: () => said.push('cut'),
    gone: () => said.push('gone'),
  }
  const ground = {
    service: 'cart',
    clock,
    network,
    closing,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    identity: null,
    mtls: new WatchSource<MtlsMode>('permissive'),
    unready: '',
    register: ({ address, labels, zone, weight }: EndpointInfo) => {
      said.push(`list ${address} ${JSON.stringify(labels)} ${zone} ${weight}`)
      return { relist: async () => {}, release: async () => void said.push('release') }
    },
    closeWith: (thing: { close(graceMs: number): Promise<void> }) => void ends.push((graceMs) => thing.close(graceMs)),
  }
  const options = { port: 80, host: '10.0.0.1', version: 'v2', zone: 'a', weight: 3 }
  const settings = serverSettings(options, { door: 'serve', problems: [], checks: serverOptionChecks })
  return { clock, network, said, ends, ground, standing: new StandingServer(ground, settings, wire) }
}

test('it is listed once it listens, and hands every connection to its wire', async () => {
  const { network, said, standing } = scene()
  expect(standing.address).toBe('')
  await standing.listen()
  expect([standing.address, standing.port, said]).toEqual(['10.0.0.1:80', 80, ['list 10.0.0.1:80 {"version":"v2"} a 3']])
  network.connect('10.0.0.1:80')
  expect(said.at(-1)).toBe('accept')
})

test('with its mesh it leaves the lists, turns callers away, ceases to listen, and is gone', async () => {
  const { clock, network, said, ends, standing } = scene()
  await standing.listen()
  const closed = ends[0]?.(10_000)
  await clock.advance('5s')
  await closed
  expect(said.slice(1)).toEqual(['release', 'turn away', 'shut', 'gone'])
  expect(() => network.connect('10.0.0.1:80')).toThrow('nobody listens')
})

test('it is unready for as long as its mesh is, and from when callers are told to go', async () => {
  const { clock, ground, standing } = scene()
  await standing.listen()
  expect(standing.readiness.ask()).toBe('')
  ground.unready = 'the policy is still awaited'
  expect(standing.readiness.ask()).toBe('the policy is still awaited')
  standing.drain()
  await clock.advance(0)
  expect(standing.readiness.ask()).toBe('draining')
})

test('a mesh that closes already lists it no more, and closes it', async () => {
  const { said, ends, standing } = scene({ closing: true })
  await standing.listen()
  expect([said, ends.length]).toEqual([[], 1])
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s closes its mesh, and once it is gone nobody listens to signals any more', async (signal) => {
  const { clock, ends, standing } = scene()
  const before = process.listenerCount(signal)
  await standing.listen()
  const { promise, resolve } = Promise.withResolvers<number>()
  standing.endWith({
    close: ({ graceMs }) => {
      resolve(graceMs)
      return Promise.resolve()
    },
  })
  // So that the end of the process is somebody else's.
  const other = (): void => {}
  process.on(signal, other)
  process.emit(signal)
  expect(await promise).toBe(10_000)
  const closed = ends[0]?.(0)
  await clock.advance(0)
  await closed
  process.off(signal, other)
  await new Promise(setImmediate)
  expect(process.listenerCount(signal)).toBe(before)
})
