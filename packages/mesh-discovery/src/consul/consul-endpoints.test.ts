import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Discovery, Log } from '@zerohop/mesh-core'
import { afterEach, expect, test } from 'vitest'
import { consulEndpoints } from './consul-endpoints.ts'

let server: Server | null = null
let discovery: Discovery | null = null

afterEach(async () => {
  await discovery?.close()
  server?.close()
  server?.closeAllConnections()
})

interface Step {
  readonly ports?: readonly number[]
  readonly index?: number
  readonly leader?: boolean
  readonly status?: number
}

/** An agent that answers by a script and then says nothing more; `asked` holds the queries. */
async function agent(steps: readonly Step[]): Promise<{ address: string; asked: string[] }> {
  const asked: string[] = []
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const step = steps[asked.length]
    asked.push(String(request.url))
    if (step === undefined) return
    const { ports = [], index = 1, leader = true, status = 200 } = step
    response.writeHead(status, { 'content-type': 'application/json', 'x-consul-index': index, 'x-consul-knownleader': String(leader) })
    response.end(JSON.stringify(ports.map((port) => ({ Service: { Address: '10.0.0.1', Port: port }, Checks: [] }))))
  }
  server = createServer(answer)
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Plays the whole script to a source that follows `payment`. */
async function play(
  steps: readonly Step[],
): Promise<{ ports: () => string[]; asked: string[]; lines: string[]; held: () => number | undefined }> {
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const log: Log = { info: say, warn: say, error: say }
  const { address, asked } = await agent(steps)
  const source = consulEndpoints({ address, services: { payment: 'Payment Service/2' }, datacenter: 'dc2', tag: 'live', log })
  discovery = source
  const watch = source.watch('payment')
  expect(source.watch('payment')).toBe(watch)
  await expect.poll(() => asked.length, { timeout: 15_000 }).toBe(steps.length + 1)
  return {
    ports: () => (watch?.current ?? []).map(({ address: at }) => at.replace('10.0.0.1:', '')),
    asked,
    lines,
    held: () => [...(source.freshness?.() ?? [])][0]?.held,
  }
}

test('the first question is answered at once, and each further one waits beyond the index of the last', async () => {
  const { ports, asked } = await play([
    { ports: [1], index: 5 },
    { ports: [1, 2], index: 9 },
  ])
  const path = '/v1/health/service/Payment%20Service%2F2?'
  expect(asked.map((url) => url.startsWith(path))).toEqual([true, true, true])
  const queries = asked.map((url) => Object.fromEntries(new URLSearchParams(url.slice(path.length))))
  expect(queries).toEqual([
    { stale: '1', dc: 'dc2', tag: 'live' },
    { stale: '1', dc: 'dc2', tag: 'live', index: '5', wait: '30000ms' },
    { stale: '1', dc: 'dc2', tag: 'live', index: '9', wait: '30000ms' },
  ])
  expect(ports()).toEqual(['1', '2'])
})

test('what servers without a leader say is not believed, unless nothing is known yet', async () => {
  const { ports, lines } = await play([
    { ports: [1], index: 5, leader: false },
    { ports: [2], index: 3, leader: false },
  ])
  expect(ports()).toEqual(['1'])
  expect(lines).toEqual([expect.stringMatching(/^consul: payment keeps its 1 endpoints, .*: its servers have no leader$/)])
})

test('an index that goes back keeps what is not listed any more, and is asked about anew at once', async () => {
  const { ports, asked, held } = await play([
    { ports: [1, 2], index: 9 },
    { ports: [2], index: 4 },
  ])
  expect([ports(), held(), asked.at(-1)?.includes('index=')]).toEqual([['1', '2'], 1, false])
})

test('an empty list after a failure is not believed, though the index has gone on', async () => {
  const { ports, lines, held } = await play([{ ports: [1, 2], index: 9 }, { status: 500 }, { ports: [], index: 11 }])
  expect([ports(), held()]).toEqual([['1', '2'], 2])
  expect(lines.at(-1)).toBe('consul: payment: the registry seems to have lost what it knew and lists 0 endpoints; the last 2 are kept')
})

test('a source that is closed asks nothing, not even about a service that is new to it', async () => {
  const { address, asked } = await agent([])
  discovery = consulEndpoints({ address, services: ['payment'] })
  await discovery.close()
  expect([discovery.watch('payment')?.current, asked]).toEqual([undefined, []])
})
