import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMesh, type Mesh, MeshError } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { type MeshFetch, meshFetch } from '@zerohop/mesh-http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { SteadyLoad } from '../support/lanes.ts'
import { quietLog } from '../support/quiet-log.ts'

const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => {
    response.statusCode = fails ? 500 : 200
    response.end('{}')
  })
})
let fails = false
let directory = ''
let mesh: Mesh
let fetch: MeshFetch

beforeEach(async () => {
  fails = false
  directory = mkdtempSync(join(tmpdir(), 'zerohop-policy-'))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  write('timeout: 10s\n')
  const endpoint = { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, labels: { version: 'v1' } }
  mesh = createMesh({
    service: 'caller',
    policy: join(directory, 'mesh.yaml'),
    discovery: staticEndpoints({ target: [endpoint] }),
    log: { ...quietLog, error: () => {} },
  })
  fetch = meshFetch(mesh)
})

afterEach(async () => {
  await mesh.close({ graceMs: 0 })
  server.closeAllConnections()
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

function write(text: string): void {
  writeFileSync(join(directory, 'mesh.new'), text)
  renameSync(join(directory, 'mesh.new'), join(directory, 'mesh.yaml'))
}

/** Writes a policy and waits until the mesh has an opinion of it. */
async function adopt(text: string): Promise<{ revision: string; problems: readonly string[] }> {
  const { promise, resolve } = Promise.withResolvers<{ revision: string; problems: readonly string[] }>()
  const stop = mesh.on('policy', resolve)
  write(text)
  const told = await promise
  stop()
  return told
}

const call = async (): Promise<number> => {
  const response = await fetch('http://target/', { method: 'POST', body: 'x' })
  await response.text()
  return response.status
}

// Every swap adds layers, takes some away, or changes what they hold by.
const policies = [
  'timeout: 9s\nbreaker: { consecutiveFailures: 3 }\n',
  'timeout: 8s\nlimit: { outbound: { inFlight: 4, queue: 100 } }\nretry: { attempts: 2 }\n',
  'timeout: 8s\nattemptTimeout: 5s\nrateLimit: { outbound: { perSecond: 100000 } }\noutlier: {}\n',
  'service: target\nversions: { v1: { labels: { version: v1 } } }\nto: [{ version: v1, weight: 3 }]\nbalance: round-robin\n',
  'service: target\nconnections: { max: 20 }\nlimit: { outbound: { inFlight: 2, queue: 50 } }\n',
  'timeout: 10s\n',
]

test('a policy file that changes all the time is live in every call, and costs none', async () => {
  await using load = new SteadyLoad(16, async () => {
    const status = await call()
    if (status !== 200) throw new Error(`status ${status}`)
  })
  const swaps = 60
  let slowestMs = 0
  for (let swap = 0; swap < swaps; swap++) {
    const before = load.done
    const startedAt = performance.now()
    const { problems } = await adopt(policies[swap % policies.length] as string)
    slowestMs = Math.max(slowestMs, performance.now() - startedAt)
    expect(problems).toEqual([])
    await eventually(() => load.done >= before + 20, 'calls go on under the new policy')
  }
  await load.end()
  const page = await mesh.metrics()
  const counted = Number(/zerohop_calls_total\{verdict="ok",status="200",direction="outbound"[^}]*service="target"\} (\d+)/.exec(page)?.[1])
  const told = mesh.explain('target').services[0]
  printFigures(`${swaps} policies under load`, {
    calls: load.done,
    failed: load.failures.length,
    counted,
    'slowest from file to force': `${slowestMs.toFixed(0)} ms`,
  })
  expect(load.failures).toEqual([])
  // Counts go on from policy to policy, and nothing is left of the calls that a swap found under way.
  expect(counted).toBe(load.done)
  expect(told?.now).toMatchObject({ inFlight: 0, queued: 0 })
  expect(told?.endpoints[0]?.inFlight).toBe(0)
  expect(told?.policy.timeoutMs).toBe(10_000)
})

test('a breaker goes on counting where the policy before it stopped', async () => {
  await adopt('breaker: { consecutiveFailures: 8 }\n')
  fails = true
  for (let n = 0; n < 5; n++) expect(await call()).toBe(500)
  await adopt('breaker: { consecutiveFailures: 6 }\n')
  expect(mesh.explain('target').services[0]?.breakers).toMatchObject([{ state: 'closed' }])
  expect(await call()).toBe(500)
  const refused = await call().catch((error: Error) => error.cause)
  expect(MeshError.is(refused) && refused.code).toBe('BREAKER_OPEN')
})

test('a file broken while calls run is refused with its place, and the last good policy stays in force', async () => {
  await adopt('timeout: 7s\n')
  const { revision } = mesh.explain()
  await using load = new SteadyLoad(4, call)
  const wrong: [text: string, place: string, words: string][] = [
    ['timeout: 5s\nretry: { attempts: 3\nbreaker: {}\n', ':3:', ''],
    ['timeout: 5s\nretries: { attempts: 3 }\n', ':2:1:', 'retry'],
    ['timeout: 5 parsecs\n', ':1:10:', '5 parsecs'],
    ['service: target\nversions: { v1: { labels: { version: v1 } } }\nto: [{ version: v1, weight: 0 }]\n', ':3:', 'weight'],
    [`# ${'x'.repeat(5_000_000)}\n`, '', 'longer'],
  ]
  for (const [text, place, words] of wrong) {
    const told = await adopt(text)
    expect(told.revision).toBe(revision)
    expect(told.problems.join('\n')).toContain(place)
    expect(told.problems.join('\n')).toContain(words)
    expect(mesh.explain('target')).toMatchObject({ revision, problems: told.problems, services: [{ policy: { timeoutMs: 7_000 } }] })
  }
  // The largest policy that is read, and one document more.
  const document = (n: number): string => `---\nservice: other-${n}\ntimeout: 5s\nretry: { attempts: 2 }\nbreaker: {}\n`
  const documents = Array.from({ length: Math.floor(1_040_000 / document(10_000).length) }, (_, n) => document(n + 10_000))
  const startedAt = performance.now()
  const told = await adopt(`timeout: 6s\n${documents.join('')}`)
  printFigures(`a policy of a mebibyte, ${documents.length} documents`, {
    'in force after': `${(performance.now() - startedAt).toFixed(0)} ms`,
  })
  expect(told.problems).toEqual([])
  expect(mesh.explain('target').services[0]?.policy.timeoutMs).toBe(6_000)
  const { problems } = await adopt(`timeout: 5s\n${documents.join('')}${'# too much\n'.repeat(1000)}`)
  expect(problems).toMatchObject([expect.stringContaining('at most 1048576 are read')])
  expect(mesh.explain('target').services[0]?.policy.timeoutMs).toBe(6_000)
  await load.end()
  expect(load.failures).toEqual([])
})
