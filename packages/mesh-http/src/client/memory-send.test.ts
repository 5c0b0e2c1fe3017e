/** Tests of the whole client in virtual time, against services that are functions. */

import { type TestMesh, testMesh } from '@zerohop/mesh-core/testing'
import { partsOf } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { reply } from '../reply.ts'
import { meshFetch } from './mesh-fetch.ts'

const once = { retry: { attempts: 1 } }

function armed(t: TestMesh): number {
  return partsOf(t.mesh).wheel.armed
}

describe('a scripted service', () => {
  test('gets the request as a Request, and its Response is what the caller gets', async () => {
    await using t = testMesh({ policy: once })
    t.service('inventory', {}, async (request) => {
      const seen = [request.method, request.url, request.headers.get('x-a'), request.headers.get('host'), await request.text()]
      return Response.json(seen, { status: 201, statusText: 'Made', headers: { 'x-b': '2' } })
    })
    const response = await meshFetch(t.mesh)('http://inventory/items?q=1', { method: 'POST', body: 'text', headers: { 'x-a': '1' } })
    expect([response.status, response.statusText, response.headers.get('x-b')]).toEqual([201, 'Made', '2'])
    expect(await response.json()).toEqual(['POST', 'http://inventory/items?q=1', '1', 'inventory', 'text'])
    expect(armed(t)).toBe(0)
  })

  test('may answer with a script, which costs no time', async () => {
    await using t = testMesh({ policy: once })
    t.service('inventory', {}, () => reply.json({ stock: 3 }, { headers: { 'set-cookie': ['a=1', 'b=2'] } }))
    const response = await meshFetch(t.mesh)('http://inventory/a')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await response.json()).toEqual({ stock: 3 })
  })

  test('a 503 of one instance is asked of another', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 2, backoff: { base: 0 } } } })
    const inventory = t.service('inventory', { instances: 2 }, (_request, n) => (n === 0 ? reply(503) : reply(200, 'ok')))
    expect(await (await meshFetch(t.mesh)('http://inventory/a')).text()).toBe('ok')
    expect(new Set(inventory.calls.map((call) => call.address)).size).toBe(2)
    expect(inventory.calls[1]?.request.headers.get('zerohop-attempt')).toBe('2')
  })

  test('a refusal above a handler lets even a POST go elsewhere, and stays hidden', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 2, backoff: { base: 0 } } } })
    const refused = reply(503, '', { 'zerohop-refused': 'limit', 'x-kept': '1' })
    const inventory = t.service('inventory', { instances: 2 }, () => refused)
    const response = await meshFetch(t.mesh)('http://inventory/a', { method: 'POST', body: 'x' })
    expect(inventory.calls).toHaveLength(2)
    expect([response.status, response.headers.get('zerohop-refused'), response.headers.get('x-kept')]).toEqual([503, null, '1'])
  })

  test('a short stream is sent again whole; the second service gets every byte', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 2, backoff: { base: 0 } } } })
    const bodies: string[] = []
    t.service('inventory', { instances: 2 }, async (request, n) => {
      bodies.push(await request.text())
      return n === 0 ? reply(503) : reply(200)
    })
    async function* body() {
      yield 'one '
      yield Buffer.from('two')
    }
    const response = await meshFetch(t.mesh)('http://inventory/a', { method: 'PUT', body: body(), duplex: 'half' })
    expect(response.status).toBe(200)
    expect(bodies).toEqual(['one two', 'one two'])
  })

  test('a long stream is committed: its failure is the answer', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 2, backoff: { base: 0 } } } })
    const inventory = t.service('inventory', {}, async (request) => reply(503, String((await request.arrayBuffer()).byteLength)))
    async function* body() {
      for (let n = 0; n < 10; n++) yield Buffer.alloc(10_000)
    }
    const response = await meshFetch(t.mesh)('http://inventory/a', { method: 'PUT', body: body(), duplex: 'half' })
    expect([response.status, await response.text(), inventory.calls.length]).toEqual([503, '100000', 1])
  })

  test('a body that throws is the cause of the failure, and nobody is asked again', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 3 } } })
    const inventory = t.service('inventory', {}, async (request) => reply(200, await request.text()))
    const broken = new Error('disk')
    async function* body() {
      yield 'one'
      throw broken
    }
    const error = await meshFetch(t.mesh)('http://inventory/a', { method: 'PUT', body: body(), duplex: 'half' }).catch((reason) => reason)
    expect(error).toMatchObject({ name: 'TypeError', message: 'fetch failed', cause: broken })
    expect(inventory.calls.length).toBeLessThanOrEqual(1)
  })

  test.each([
    ['before the head', reply.broken({ at: 'head' }), 'BROKEN'],
    ['never', reply.never(), 'EXPIRED'],
    ['too late', reply.delayed(6000, reply(200)), 'EXPIRED'],
  ])('an answer that is lost %s is an error', async (_when, answer, code) => {
    await using t = testMesh({ policy: { ...once, timeout: '5s' } })
    t.service('inventory', {}, () => answer)
    const failure = meshFetch(t.mesh)('http://inventory/a').catch((reason) => reason)
    await t.clock.advance('7s')
    expect(await failure).toMatchObject({ name: 'TypeError', message: 'fetch failed', cause: { code, service: 'inventory' } })
    expect(armed(t)).toBe(0)
  })

  test('a body that is cut is told at its end', async () => {
    await using t = testMesh({ policy: once })
    t.service('inventory', {}, () => reply.broken({ at: 'body', body: 'half' }))
    const response = await meshFetch(t.mesh)('http://inventory/a')
    await expect(response.text()).rejects.toMatchObject({ message: 'terminated', cause: { verdict: 'broken' } })
  })

  test('the time of a call runs until the last byte of its body', async () => {
    await using t = testMesh({ policy: { ...once, timeout: '5s' } })
    t.service('inventory', {}, () => reply.stream('a', 6000, 'b'))
    const response = await meshFetch(t.mesh)('http://inventory/a')
    const failure = response.text().catch((reason) => reason)
    await t.clock.advance('7s')
    expect(await failure).toMatchObject({ message: 'terminated', cause: { code: 'EXPIRED' } })
    expect(armed(t)).toBe(0)
  })

  test('a stream lives as long as it speaks', async () => {
    await using t = testMesh({ policy: { ...once, stream: { idle: '2s', total: '10s' } } })
    t.service('inventory', {}, () => reply.stream('a', 1900, 'b', 1900, 'c', 1900, 'd'))
    const response = await meshFetch(t.mesh)('http://inventory/a')
    const text = response.text()
    await t.clock.advance('6s')
    expect(await text).toBe('abcd')
    expect(armed(t)).toBe(0)
  })

  test.each([
    ['falls silent', ['a', 2100, 'b'], 'LATE'],
    ['never ends', ['a', ...Array.from({ length: 20 }, () => 1000)], 'LATE'],
    ['lasts too long', Array.from({ length: 40 }, (_, n) => (n % 2 ? 1000 : 'a')), 'EXPIRED'],
  ])('a stream that %s breaks off', async (_what, steps, code) => {
    await using t = testMesh({ policy: { ...once, stream: { idle: '2s', total: '10s' } } })
    t.service('inventory', {}, () => reply.stream(...(steps as (string | number)[])))
    const response = await meshFetch(t.mesh)('http://inventory/a')
    const failure = response.text().catch((reason) => reason)
    await t.clock.advance('20s')
    expect(await failure).toMatchObject({ message: 'terminated', cause: { code } })
    expect(armed(t)).toBe(0)
  })

  test('an answer is waited for as long as the server asks', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 2 }, timeout: '60s' } })
    const inventory = t.service('inventory', {}, (_request, n) => (n === 0 ? reply(503, '', { 'retry-after': '7' }) : reply(200)))
    const response = meshFetch(t.mesh)('http://inventory/a')
    await t.clock.advance('8s')
    expect((await response).status).toBe(200)
    expect((inventory.calls[1]?.at ?? 0) - (inventory.calls[0]?.at ?? 0)).toBeGreaterThanOrEqual(7000)
  })

  test('a fault that the policy injects reads as an answer', async () => {
    await using t = testMesh({ policy: { ...once, fault: { outbound: { abort: { status: 503 } } } } })
    const inventory = t.service('inventory', {}, () => reply(200))
    const response = await meshFetch(t.mesh)('http://inventory/a')
    expect([response.status, await response.text(), inventory.calls.length]).toEqual([503, '', 0])
  })

  test.each([
    [{ timeout: 'soon' }, 'init.mesh.timeout: "soon" is no duration'],
    [{ timeout: 0 }, 'init.mesh.timeout: 0 is no duration above zero'],
    [{ idempotent: 'yes' }, 'init.mesh.idempotent: expected true or false'],
    [{ retry: true }, 'init.mesh.retry: only false'],
    [{ retries: 3 }, 'init.mesh.retries: no such option'],
  ])('init.mesh %j is refused by name', async (mesh, message) => {
    await using t = testMesh({ policy: once })
    t.service('inventory', {}, () => reply(200))
    await expect(meshFetch(t.mesh)('http://inventory/a', { mesh: mesh as object })).rejects.toThrow(message)
  })

  test('an idempotent POST is sent again, one of which the caller wants a single attempt is not', async () => {
    await using t = testMesh({ policy: { retry: { attempts: 2, backoff: { base: 0 } } } })
    const inventory = t.service('inventory', {}, () => reply(503))
    const fetch = meshFetch(t.mesh)
    const count = async (init: object) => {
      const before = inventory.calls.length
      await fetch('http://inventory/a', { method: 'POST', ...init })
      return inventory.calls.length - before
    }
    expect(await count({})).toBe(1)
    expect(await count({ mesh: { idempotent: true } })).toBe(2)
    expect(await count({ headers: { 'Idempotency-Key': 'k' } })).toBe(2)
    expect(await count({ mesh: { idempotent: true, retry: false } })).toBe(1)
    expect(await count({ method: 'GET', mesh: { idempotent: false } })).toBe(1)
  })
})
