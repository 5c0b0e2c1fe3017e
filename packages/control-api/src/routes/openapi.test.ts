import fastify from 'fastify'
import { expect, test } from 'vitest'
import { Doorkeeper } from '../access/doorkeeper.ts'
import { systemClock } from '../clock.ts'
import { Metrics } from '../observe/metrics.ts'
import { memoryStores } from '../store/memory-stores.ts'
import { RunningControl } from '../testing/running-control.ts'
import { openapi } from './openapi.ts'
import { serve } from './serve.ts'

const running = await RunningControl.start()
const { operations } = running.control
await running.close()
// biome-ignore lint/suspicious/noExplicitAny: a description is a tree of its own kind
const description = openapi(operations) as any

test('every route that is served is described, with its path parameters', async () => {
  const app = fastify()
  const served: string[] = []
  app.addHook('onRoute', ({ method, url }) => {
    const path = url
      .replaceAll('::', '\0')
      .replaceAll(/:(\w+)/g, '{$1}')
      .replaceAll('\0', ':')
    if (method !== 'HEAD') served.push(`${String(method)} ${path}`)
  })
  const { tokens } = memoryStores(systemClock)
  const doorkeeper = new Doorkeeper({ tokens, clock: systemClock, metrics: new Metrics(), peers: null })
  serve(app, operations, { doorkeeper, onFault: () => {} })
  await app.ready()
  expect(served.length).toBeGreaterThan(15)
  for (const route of served) {
    const [method = '', path = ''] = route.split(' ')
    const described = description.paths[path]?.[method.toLowerCase()]
    expect(described?.summary, route).toMatch(/\.$/)
    const named = described.parameters.filter((one: { in: string }) => one.in === 'path').map((one: { name: string }) => one.name)
    expect(named, route).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
  }
})

test('no two operations share a path and method, or a name', () => {
  const ids = Object.values(description.paths).flatMap((methods) =>
    Object.values(methods as Record<string, { operationId: string }>).map(({ operationId }) => operationId),
  )
  expect(ids).toHaveLength(operations.length)
  expect(new Set(ids).size).toBe(ids.length)
})

test('every example is what its schema allows', () => {
  let examples = 0
  for (const { method, path, body, answers } of operations) {
    if (body !== undefined) {
      expect(body.schema.safeParse(body.example).success, `${method} ${path}: body`).toBe(true)
      examples += 1
    }
    for (const [status, { schema, example }] of Object.entries(answers)) {
      if (schema === undefined) continue
      expect(example, `${method} ${path} ${status}: no example`).toBeDefined()
      const result = schema.safeParse(example)
      expect(result.success ? '' : `${method} ${path} ${status}: ${result.error.message}`).toBe('')
      examples += 1
    }
  }
  expect(examples).toBeGreaterThan(15)
})

test('the description says who may ask without a token, and who with a certificate', () => {
  const open = operations.filter(({ access }) => access === 'open').map(({ path }) => path)
  expect(open).toEqual(['/healthz', '/readyz', '/metrics', '/v1/identity/roots', '/v1/openapi.json'])
  const either = [{ token: [] }, { certificate: [] }]
  const wanted = { open: [], admin: [{ token: [] }], service: either, join: either }
  for (const { method, path, access } of operations) {
    expect(description.paths[path][method.toLowerCase()].security, path).toEqual(wanted[access])
  }
})
