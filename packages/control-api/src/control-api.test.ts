import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { memoryStores } from './store/memory-stores.ts'
import { codeOf, RunningControl } from './testing/running-control.ts'

let running: RunningControl
beforeEach(async () => {
  running = await RunningControl.start()
})
afterEach(() => running.close())

test('the server answers what it does not know, and what is no HTTP, in the form of a problem', async () => {
  expect(codeOf(await running.ask('GET', '/v2/policies'))).toEqual([404, 'not_found'])
  expect(codeOf(await running.ask('PATCH', '/v1/policies/a', { body: {} }))).toEqual([404, 'not_found'])
  expect(codeOf(await running.ask('GET', '/v1/policies/%E0%A4%A'))).toEqual([400, 'bad_request'])
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1')
  socket.end('NONSENSE\r\n\r\n')
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"bad_request"/)
})

test('it is alive and ready without a token', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const response = await fetch(running.url + path)
    expect([response.status, await response.json()]).toEqual([200, { ok: true }])
  }
  expect(await (await fetch(`${running.url}/metrics`)).text()).toMatch(/^zerohop_control_revision 0$/m)
})

test('it ends with requests under way answered, and takes no more', async () => {
  const { port } = new URL(running.url)
  const request = httpRequest({
    port,
    method: 'PUT',
    path: '/v1/policies/a?force=true',
    headers: {
      authorization: `Bearer ${running.admin}`,
      'content-type': 'application/json',
      'content-length': 16,
      // The answer to this says that the request is under way.
      expect: '100-continue',
    },
  })
  const answered = new Promise<number | undefined>((resolve) => request.on('response', (response) => resolve(response.resume().statusCode)))
  request.write('{"timeout"')
  await once(request, 'continue')
  const closed = running.control.close()
  request.end(':"5s"}')
  expect(await answered).toBe(201)
  await closed
  await expect(fetch(`${running.url}/healthz`)).rejects.toThrow()
})

test('a disk that takes nothing more is told: the write fails whole, readiness goes, reading goes on', async () => {
  const stores = memoryStores(systemClock)
  let isFull = false
  const full = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR' })
  await running.close()
  running = await RunningControl.start({
    ...stores,
    atomically: (write) => {
      if (isFull) throw full
      return write()
    },
  })
  await running.put('a', { timeout: '1s' })
  isFull = true
  expect(codeOf(await running.put('a', { timeout: '2s' }))).toEqual([503, 'store_failed'])
  expect(codeOf(await running.ask('GET', '/readyz'))).toEqual([503, 'store_failed'])
  expect((await running.ask('GET', '/v1/policies/a')).body.document.timeout).toBe('1s')
  expect(running.lines.at(-1)).toContain('disk is full')
  isFull = false
  expect((await running.put('a', { timeout: '2s' })).status).toBe(200)
  expect((await running.ask('GET', '/readyz')).status).toBe(200)
})
