import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { endpointHash } from '@zerohop/mesh-core/policy'
import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { type ControlApi, createControlApi } from './control-api.ts'
import { memoryStores } from './store/memory-stores.ts'
import type { Stores } from './store/stores.ts'

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

/** One `http` block: a request where it begins with a method, else an answer. */
interface Message {
  readonly start: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

function messages(): Message[] {
  return [...page.matchAll(/^```http\n([\s\S]*?)^```$/gm)].map(([, block = '']) => {
    const [head = '', ...rest] = block.trimEnd().split('\n\n')
    const [start = '', ...lines] = head.split('\n')
    return { start, headers: lines.map((line) => line.split(': ', 2) as [string, string]), body: rest.join('\n\n') }
  })
}

/** Stores whose epoch and index are those of the page. */
function storesOfThePage(): Stores {
  const stores = memoryStores(systemClock)
  Object.defineProperty(stores.policies, 'epoch', { value: 'k3f9' })
  stores.marks.raise('documents', 40)
  return stores
}

async function answered(control: ControlApi, port: number, { start, headers, body }: Message): Promise<IncomingMessage & { text: string }> {
  const [method, path] = start.split(' ')
  const ca = [...(control.roots?.pem ?? [])]
  const request = tlsRequest({ port, ca, method, path, agent: false, headers: Object.fromEntries(headers) })
  request.setHeader('authorization', `Bearer ${control.freshAdminToken}`)
  request.end(body)
  const response = await new Promise<IncomingMessage>((resolve, reject) => request.once('response', resolve).once('error', reject))
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Object.assign(response, { text: Buffer.concat(chunks).toString() })
}

/** A text that the page breaks off with an ellipsis goes on in some way, and a moment is any moment: keys and times are others each time. */
function asThePageMeans(_: string, value: unknown): unknown {
  if (typeof value === 'number' && value > 1e12) return expect.toSatisfy((moment: unknown) => typeof moment === 'number' && moment > 1e12)
  if (typeof value !== 'string' || !value.endsWith('…')) return value
  const beginning = value.slice(0, -1)
  return expect.toSatisfy((whole: unknown) => typeof whole === 'string' && whole.length > beginning.length && whole.startsWith(beginning))
}

test('every exchange of docs/protocol.md goes as the page says', async () => {
  const secret = { passphrase: 'a passphrase of a test' }
  const control = await createControlApi({ port: 0, tls: 'on', trustDomain: 'shop.internal' }, { stores: storesOfThePage(), secret })
  const { port } = await control.listen()
  // An answer belongs to the last request that has none: a poll that waits is answered after the exchange that stands between.
  const open: { readonly asked: Message; readonly answer: ReturnType<typeof answered> }[] = []
  let exchanges = 0
  for (const message of messages()) {
    if (/^[A-Z]+ /.test(message.start)) {
      open.push({ asked: message, answer: answered(control, port, message) })
      continue
    }
    const { asked, answer } = open.pop() ?? expect.fail(`an answer without a request: ${message.start}`)
    const { statusCode, headers, text } = await answer
    expect(`${statusCode}`, `${asked.start}: ${text}`).toBe(message.start)
    for (const [name, value] of message.headers) expect(headers[name], `${asked.start}: ${name}`).toBe(value)
    if (message.body !== '') expect(JSON.parse(text), asked.start).toEqual(JSON.parse(message.body, asThePageMeans))
    exchanges += 1
  }
  expect(open).toEqual([])
  expect(exchanges).toBeGreaterThan(8)
  await control.close({ graceMs: 0 })
})

test('the hash of an endpoint is made as docs/protocol.md says', () => {
  const [, text = ''] = /^```json\n(.*)\n```$/m.exec(page) ?? []
  const [address, labels, zone, weight] = JSON.parse(text) as [string, [string, string][], string, number]
  const hash = endpointHash({ address, labels: Object.fromEntries(labels), zone, weight })
    .toString(16)
    .padStart(16, '0')
  expect(page).toContain(`"endpoints/payment": "${hash}"`)
})
