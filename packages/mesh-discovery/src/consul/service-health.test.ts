import { anything, array, assert, asyncProperty } from 'fast-check'
import { expect, test } from 'vitest'
import { type HealthReading, readHealth } from './service-health.ts'

const names = { version: 'version', zone: 'zone', weight: 'weight' }

interface Written {
  readonly node?: object
  readonly service?: object
  readonly checks?: readonly string[]
}

function record({ node = {}, service = {}, checks = ['passing'] }: Written = {}): object {
  return {
    Node: { Address: '10.0.0.9', Meta: null, ...node },
    Service: { Address: '10.0.0.1', Port: 8080, Tags: null, Meta: null, Weights: { Passing: 1, Warning: 1 }, ...service },
    Checks: checks.map((Status) => ({ Status })),
  }
}

function read(...records: unknown[]): Promise<HealthReading> {
  return readHealth(records, names)
}

test('an instance is its address, with labels, zone and weight of its meta', async () => {
  const meta = { version: 'v2', team: 'a', zone: 'eu-1a', weight: '2.5' }
  expect(await read(record({ service: { Meta: meta } }))).toEqual({
    endpoints: [{ address: '10.0.0.1:8080', labels: { version: 'v2', team: 'a' }, zone: 'eu-1a', weight: 2.5 }],
    problem: '',
  })
})

test('an instance without an address has that of its node, and the zone may stand in the node’s meta', async () => {
  const node = { Address: 'fd00::1', Meta: { zone: 'b' } }
  expect((await read(record({ node, service: { Address: '' } }))).endpoints).toMatchObject([{ address: '[fd00::1]:8080', zone: 'b' }])
})

test('tags of the form name=value are labels, below meta; others are none', async () => {
  const { endpoints } = await read(record({ service: { Tags: ['version=v1', 'app.k8s.io/x=y', 'urgent', '=z'], Meta: { version: 'v2' } } }))
  expect(endpoints[0]?.labels).toEqual({ version: 'v2', 'app.k8s.io/x': 'y' })
})

test('meta under other names is version, zone and weight where the program says so', async () => {
  const service = { Meta: { rev: 'v3', az: 'c', share: '4' } }
  const { endpoints } = await readHealth([record({ service })], { version: 'rev', zone: 'az', weight: 'share' })
  expect(endpoints).toEqual([{ address: '10.0.0.1:8080', labels: { version: 'v3' }, zone: 'c', weight: 4 }])
})

test.each([
  [['passing', 'critical'], 0],
  [['maintenance'], 0],
  [[], 1],
  [['passing', 'warning'], 1],
])('an instance whose checks say %j is listed %i times', async (checks, times) => {
  expect((await read(record({ checks }))).endpoints).toHaveLength(times)
})

test("an instance that warns is worth what Consul's weights say", async () => {
  const service = { Weights: { Passing: 10, Warning: 1 }, Meta: { weight: '2' } }
  expect((await read(record({ service }))).endpoints[0]?.weight).toBe(20)
  expect((await read(record({ service, checks: ['warning'] }))).endpoints[0]?.weight).toBe(2)
})

test.each([
  ['Service.Port', { service: { Port: '8080' } }],
  ['Service.Address', { service: { Port: 0 } }],
  ['Service.Address', { service: { Address: 'a b' } }],
  ['Service.Meta.weight', { service: { Meta: { weight: 'heavy' } } }],
  ['Service.Meta.weight', { service: { Meta: { weight: '-1' } } }],
  ['Service.Meta', { service: { Meta: ['x'] } }],
])('a record with a wrong %s is left out, and the field is named', async (field, written) => {
  const reading = await read(record(), record(written))
  expect(reading.endpoints).toHaveLength(1)
  expect(reading.problem).toContain(`1 of 2 instances are left out, the first one for [1].${field}`)
})

test('an answer of which nothing can be read is none', async () => {
  await expect(read(record({ service: { Port: 0 } }))).rejects.toThrow('the answer has no readable instance')
  await expect(readHealth({ error: 'x' }, names)).rejects.toThrow('the answer is no list of instances')
  expect(await read()).toEqual({ endpoints: [], problem: '' })
})

test('of more than 10,000 instances the first are used, and a label too long is none', async () => {
  const many = Array.from({ length: 10_001 }, (_, n) => record({ service: { Port: 1 + n, Meta: { long: 'x'.repeat(257) } } }))
  const { endpoints, problem } = await readHealth(many, names)
  expect([endpoints.length, endpoints[0]?.labels, problem]).toEqual([10_000, {}, 'of 10001 instances the first 10000 are used'])
})

test('no answer, however strange, brings anything but a reading or one error', async () => {
  await assert(
    asyncProperty(array(anything()), async (body) => {
      try {
        expect((await readHealth(body, names)).endpoints).toEqual([])
      } catch (error) {
        expect((error as Error).message).toContain('the answer has no readable instance')
      }
    }),
  )
})
