import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request as tlsRequest } from 'node:https'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fingerprintOf } from './authority/fingerprint.ts'

const program = fileURLToPath(new URL('./main.ts', import.meta.url))
let directory = ''
let children: ChildProcess[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-control-'))
})
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
  children = []
  rmSync(directory, { recursive: true })
})

/** Starts the program, and waits until it says where it listens. */
async function start(tls: 'on' | 'off' = 'off', host = '127.0.0.1'): Promise<{ child: ChildProcess; url: string; said: () => string }> {
  const child = spawn(process.execPath, [program, '--data', join(directory, 'data'), '--port', '0', '--tls', tls, '--host', host], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      said += chunk
      const found = /listens on (\S+),[\s\S]*process\.env\.MESH_TOKEN/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.on('exit', () => reject(new Error(said)))
  })
  return { child, url, said: () => said }
}

function tokenIn(text: string): string {
  return /zh_[\w-]{12}_[\w-]{43}/.exec(text)?.[0] ?? ''
}

test('it prints an admin token on its first start only, and keeps none; SIGTERM ends it well', async () => {
  const first = await start()
  const token = tokenIn(first.said())
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const written = await fetch(`${first.url}/v1/policies/cart`, { method: 'PUT', headers, body: '{"external":true}' })
  expect(written.status).toBe(201)
  expect((first.said().match(/zh_[\w-]{30,}/g) ?? []).length).toBe(1)
  first.child.kill('SIGTERM')
  expect(await once(first.child, 'exit')).toEqual([0, null])
  for (const name of readdirSync(join(directory, 'data'))) {
    expect(readFileSync(join(directory, 'data', name), 'latin1'), name).not.toContain(token.slice(16))
  }
  const second = await start()
  expect(tokenIn(second.said())).toBe('')
  expect(await (await fetch(`${second.url}/v1/policies`, { headers })).json()).toMatchObject({ revision: 1 })
}, 30_000)

test('with TLS it says how it is believed, and comes back with the same root', async () => {
  const ca = join(directory, 'data', 'ca.pem')
  const first = await start('on')
  const fingerprint = /as tokens carry it:\n {2}(\S{43})\n/.exec(first.said())?.[1] ?? ''
  expect(first.url).toMatch(/^https:/)
  expect(first.said()).toContain(`--cacert ${ca} ${first.url}/v1/tokens`)
  expect(first.said()).toContain(`are sealed with ${join(directory, 'data', 'ca.key')}, made just now`)
  expect(fingerprintOf(readFileSync(ca, 'utf8'))).toBe(fingerprint)
  expect(first.said()).toContain(`${tokenIn(first.said())}_${fingerprint}\n`)
  const request = tlsRequest(`${first.url}/healthz`, { ca: readFileSync(ca), agent: false }).end()
  const [response] = await once(request, 'response')
  expect(response.resume().statusCode).toBe(200)
  first.child.kill('SIGTERM')
  expect(await once(first.child, 'exit')).toEqual([0, null])
  const second = await start('on')
  expect(second.said()).toContain(fingerprint)
  expect(second.said()).not.toContain('made just now')
  second.child.kill('SIGTERM')
  await once(second.child, 'exit')
  rmSync(join(directory, 'data', 'ca.key'))
  await expect(start('on')).rejects.toThrow(/control-api: The key file .* cannot be used: it is not there, and the keys of this authority/)
}, 30_000)

test('where it listens on all addresses, others are shown a name by which they reach it', async () => {
  const { said } = await start('off', '0.0.0.0')
  const port = /listens on http:\/\/0\.0\.0\.0:(\d+),/.exec(said())?.[1]
  expect(said()).toContain(`curl -s http://${hostname()}:${port}/v1/tokens`)
  expect(said()).toContain(`control: 'http://${hostname()}:${port}'`)
}, 30_000)

test('a second one on the same directory says why it ends', async () => {
  await start()
  const { status, stderr } = spawnSync(process.execPath, [program, '--data', join(directory, 'data'), '--port', '0'], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^control-api: The data in .* cannot be used: another control API is running on it\.\n$/),
  ])
}, 30_000)

test('a port that is taken is told, and so is the token that was made meanwhile', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const child = spawn(process.execPath, [program, '--data', join(directory, 'data'), '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const [code] = await once(child, 'exit')
  server.close()
  expect([code, err]).toEqual([1, expect.stringContaining('EADDRINUSE')])
  expect(tokenIn(out)).not.toBe('')
}, 30_000)

test('who has lost the admin token gets another one, and the lost one is void', async () => {
  const first = await start()
  const old = tokenIn(first.said())
  first.child.kill('SIGTERM')
  await once(first.child, 'exit')
  const { stdout, status } = spawnSync(process.execPath, [program, '--data', join(directory, 'data'), '--rotate-admin-token'], {
    encoding: 'utf8',
  })
  const fresh = tokenIn(stdout)
  expect(status).toBe(0)
  const { url } = await start()
  const status2 = async (token: string) => (await fetch(`${url}/v1/audit`, { headers: { authorization: `Bearer ${token}` } })).status
  expect([await status2(fresh), await status2(old)]).toEqual([200, 401])
}, 30_000)

test('a directory without a control API gets no admin token, and nothing is made there', () => {
  const data = join(directory, 'mistyped')
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, '--data', data, '--rotate-admin-token'], { encoding: 'utf8' })
  expect([status, stdout, stderr]).toEqual([1, '', `control-api: There is no control API in ${data}: name its data directory by --data.\n`])
  expect(readdirSync(directory)).toEqual([])
})

test('what it cannot understand ends it with 2 and a hint', () => {
  const { status, stderr } = spawnSync(process.execPath, [program, '--prot', '1'], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([2, expect.stringContaining('did you mean port?')])
})

test('on a Node.js that is too old for it, it says so in a line', () => {
  const old = "data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.1.0' })"
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', old, program, '--help'], { encoding: 'utf8' })
  expect([status, stdout, stderr]).toEqual([1, '', `control-api: it needs Node.js 24 or later, and this is ${process.version}\n`])
})
