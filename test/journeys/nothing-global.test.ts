import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createMesh, MeshError } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { quietLog } from '../support/quiet-log.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-global-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Runs a program to its own end; one that does not end within 20 s is killed, and that is an error. */
async function run(name: string, ...args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../support/programs/${name}.ts`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { timeout: 20_000, killSignal: 'SIGKILL' })
  return stdout.trim()
}

test('importing the packages changes nothing of the process but the one store that is meant for all copies', async () => {
  const changed = JSON.parse(await run('import-everything')) as string[]
  // The library that checks policies keeps its own settings so.
  expect(changed.filter((name) => !name.startsWith('globalThis.__zod_'))).toEqual(['globalThis.Symbol(zerohop.ambient.1)'])
})

describe('a process ends by itself', () => {
  test.each(['closed', 'file', 'unclosed'])('when its mesh is %s', async (how) => {
    const [policyFile, endpointsFile] = [join(directory, 'mesh.yaml'), join(directory, 'endpoints.yaml')]
    writeFileSync(policyFile, 'timeout: 50s\nbreaker: { openFor: 30s }\nlimit: { outbound: { inFlight: 5, queue: 5 } }\n')
    writeFileSync(endpointsFile, 'target: ["127.0.0.1:9"]\n')
    expect(await run('ends-by-itself', how, policyFile, endpointsFile)).toBe('')
  })
})

test('two meshes in one process share nothing', async () => {
  const server = createServer((_, response) => response.writeHead(500).end())
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const discovery = (): ReturnType<typeof staticEndpoints> =>
    staticEndpoints({ target: [`127.0.0.1:${(server.address() as AddressInfo).port}`] })
  const policy = { breaker: { consecutiveFailures: 3 }, rateLimit: { outbound: { perSecond: 0.001, burst: 4 } } }
  await using one = createMesh({ service: 'one', discovery: discovery(), policy, log: quietLog })
  await using two = createMesh({ service: 'two', discovery: discovery(), policy, log: quietLog })
  const connections = async (): Promise<number> =>
    new Promise((resolve, reject) => server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))))
  const heard: string[] = []
  two.on('breaker', ({ state }) => heard.push(state))
  const [fetchOne, fetchTwo] = [meshFetch(one), meshFetch(two)]
  for (let n = 0; n < 3; n++) await (await fetchOne('http://target/')).text()
  const refused = await fetchOne('http://target/').catch((error: Error) => error.cause)
  expect(MeshError.is(refused) && refused.code).toBe('BREAKER_OPEN')
  expect(await connections()).toBe(1)

  expect((await fetchTwo('http://target/')).status).toBe(500)
  expect(await connections()).toBe(2)
  expect(heard).toEqual([])
  expect(two.explain('target').services[0]?.breakers).toMatchObject([{ state: 'closed' }])
  expect(await two.metrics()).toMatch(/zerohop_calls_total\{.*service="target".*\} 1\n/)
  await one.close({ graceMs: 0 })
  expect((await fetchTwo('http://target/')).status).toBe(500)
  server.closeAllConnections()
  server.close()
})
