/** Tests of the Response by itself: what the standard says of reading, cloning and forgetting it. */
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { IncomingBody } from './incoming-body.ts'
import { MeshResponse } from './mesh-response.ts'

class Feed {
  pauses = 0
  resumes = 0
  abandoned = 0
  pauseBody(): void {
    this.pauses++
  }
  resumeBody(): void {
    this.resumes++
  }
  abandonBody(): void {
    this.abandoned++
  }
}

function given(chunks: string[], end = true, method = 'GET') {
  const feed = new Feed()
  const body = new IncomingBody(feed)
  for (const chunk of chunks) body.push(Buffer.from(chunk))
  if (end) body.end()
  const headers = { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] }
  const reply = { code: 200, status: '200', statusText: 'OK', headers, body, discard: () => feed.abandonBody() }
  const origin = { url: 'http://inventory/a', redirected: false, method }
  return { feed, body, make: () => new MeshResponse(reply, origin) }
}

async function all(response: Response): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body as ReadableStream<Uint8Array>) chunks.push(chunk)
  return chunks
}

describe('a response', () => {
  test('is a Response', () => {
    const response = given(['{}']).make()
    expect(response).toBeInstanceOf(Response)
    expect(Object.prototype.toString.call(response)).toBe('[object Response]')
    expect([response.status, response.ok, response.type, response.url, response.redirected]).toEqual([
      200,
      true,
      'basic',
      'http://inventory/a',
      false,
    ])
    expect(response.headers).toBe(response.headers)
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  test('has everything that a Response of this platform has', () => {
    const own = Object.getOwnPropertyNames(MeshResponse.prototype)
    expect(Object.getOwnPropertyNames(Response.prototype).filter((name) => !own.includes(name))).toEqual([])
  })

  test.each(['json', 'text', 'bytes', 'arrayBuffer', 'blob'] as const)('%s reads what is here and what is still to come', async (how) => {
    for (const end of [true, false]) {
      const { body, make } = given(['{"a":', '1}'], end)
      const response = make()
      const reading = response[how]() as Promise<unknown>
      expect(response.bodyUsed).toBe(true)
      if (!end) {
        body.push(Buffer.from(' '))
        body.end()
      }
      const value = await reading
      const text =
        value instanceof Blob
          ? await value.text()
          : typeof value === 'object' && value !== null && 'byteLength' in value
            ? Buffer.from(value as Uint8Array).toString()
            : value
      expect(how === 'json' ? text : JSON.parse(text as string)).toEqual({ a: 1 })
      await expect(response.text()).rejects.toThrow(TypeError)
      expect(response.body?.locked).toBe(false)
      await expect(response.body?.getReader().read()).resolves.toMatchObject({ done: true })
    }
  })

  test('a body that was taken as a stream cannot be read otherwise while it is locked or once it was read', async () => {
    const response = given(['ab']).make()
    expect([response.bodyUsed, response.body?.locked]).toEqual([false, false])
    const reader = response.body?.getReader()
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('ab')
    reader?.releaseLock()
    expect(response.bodyUsed).toBe(true)
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
  })

  test('a body that was looked at as a stream but not read can still be read', async () => {
    const response = given(['ab']).make()
    expect(response.body).toBe(response.body)
    expect(await response.text()).toBe('ab')
  })

  test('a byte reader gets its own buffer filled', async () => {
    const reader = given(['abc']).make().body?.getReader({ mode: 'byob' })
    const first = await reader?.read(new Uint8Array(2))
    expect(Buffer.from(first?.value ?? []).toString()).toBe('ab')
  })

  test('a clone reads the same, and has headers of its own', async () => {
    const { body, make } = given(['one '], false)
    const response = make()
    response.headers.set('x', '1')
    const twin = response.clone()
    twin.headers.set('x', '2')
    const texts = Promise.all([response.text(), twin.text()])
    body.push(Buffer.from('two'))
    body.end()
    expect(await texts).toEqual(['one two', 'one two'])
    expect([response.headers.get('x'), twin.headers.get('x')]).toEqual(['1', '2'])
  })

  test('an answer to HEAD has no body', async () => {
    const response = given([], true, 'HEAD').make()
    expect([response.body, await response.text(), response.bodyUsed, await response.text()]).toEqual([null, '', false, ''])
  })

  test('a form is parsed', async () => {
    const feed = new Feed()
    const body = new IncomingBody(feed)
    body.push(Buffer.from('a=1&b=2'))
    body.end()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const reply = { code: 200, status: '200', statusText: '', headers, body, discard() {} }
    const form = await new MeshResponse(reply, { url: '', redirected: false, method: 'GET' }).formData()
    expect([...form]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })

  test('an unread body is held back at 128 KiB and let on as it is read', async () => {
    const { feed, body, make } = given([], false)
    const response = make()
    for (let n = 0; n < 3; n++) body.push(Buffer.alloc(64 * 1024))
    expect(feed.pauses).toBe(1)
    const reader = response.body?.getReader()
    await reader?.read()
    expect(feed.resumes).toBe(1)
  })

  test.each([['identity'], ['gzip']])(
    'what the wire hands on at once when it is let on is read too, though it is the last: %s',
    async (coding) => {
      const whole = randomBytes(400_000)
      const sent = coding === 'gzip' ? gzipSync(whole) : whole
      for (const how of ['body', 'bytes'] as const) {
        let at = 0
        let held = false
        const wire = () => {
          for (held = false; !held && at < sent.byteLength; at += 65_536) body.push(sent.subarray(at, at + 65_536))
          if (!held) body.end()
        }
        const body = new IncomingBody({ pauseBody: () => (held = true), resumeBody: wire, abandonBody() {} })
        wire()
        const reply = { code: 200, status: '200', statusText: '', headers: { 'content-encoding': coding }, body, discard() {} }
        const response = new MeshResponse(reply, { url: '', redirected: false, method: 'GET' })
        const read = how === 'bytes' ? [await response.bytes()] : await all(response)
        expect(Buffer.concat(read).equals(whole)).toBe(true)
      }
    },
  )

  test('who cancels the stream abandons the body', async () => {
    const { feed, make } = given(['a'], false)
    await make().body?.cancel()
    expect(feed.abandoned).toBe(1)
  })

  test('a break within the body is the reader’s error, however it reads', async () => {
    const broken = new TypeError('terminated')
    for (const read of [(response: Response) => response.text(), (response: Response) => response.body?.getReader().read()]) {
      const { body, make } = given(['a'], false)
      body.fail(broken)
      await expect(read(make())).rejects.toBe(broken)
    }
  })

  test('a response that was forgotten gives its connection back, one that is being read does not', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const [forgotten, awaited, streamed, held] = [given(['a'], false), given(['a'], false), given(['a'], false), given(['a'], false)]
    ;(() => void forgotten.make().status)()
    const text = (() => awaited.make().text())()
    ;(() => void streamed.make().body)()
    const reader = (() => held.make().body?.getReader())()
    for (let n = 0; n < 50 && forgotten.feed.abandoned + streamed.feed.abandoned < 2; n++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([forgotten.feed.abandoned, streamed.feed.abandoned, awaited.feed.abandoned, held.feed.abandoned]).toEqual([1, 1, 0, 0])
    awaited.body.end()
    expect(await text).toBe('a')
    expect((await reader?.read())?.value).toHaveLength(1)
  })
})
