/** `pnpm bench control`: how long a change of policy takes to reach the last of many watchers, and what a parked one costs. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'undici'
import type { ServerMemory, ServerStarted } from './control-server.ts'

import type { WatchersAnswer, WatchersAsk } from './control-watchers.ts'
import { median } from './rounds.ts'

const services = 200
const endpointsOfService = 5
const rounds = 5
const watchersOfProcess = 5000
const warming = 200
const settleMs = 1000

/** One control API, and how to ask it. */
interface Control {
  readonly process: ChildProcess
  readonly port: number
  readonly admin: string
  readonly token: string
  /** The roots by which it is believed; null in plaintext. */
  readonly ca: string | null
  readonly dispatcher: Agent
}

/** Measures and prints; with `json` a last line for machines. */
export async function benchControl({
  json,
  watchers,
  tls,
}: {
  readonly json: boolean
  readonly watchers: number
  readonly tls: boolean
}): Promise<void> {
  const control = await startControl(tls)
  const health = forked('control-health.ts')
  try {
    await fill(control)
    await warm(control)
    const before = await memoryOf(control)
    const crowd = await park(control, watchers)
    await pause(settleMs)
    const after = await memoryOf(control)
    health.send({ port: control.port, ca: control.ca })
    await pause(settleMs)
    await longestOf(health)
    const took: number[] = []
    const longest: number[] = []
    for (let round = 0; round < rounds; round++) {
      took.push(await change(control, crowd))
      // What comes after, ten thousand polls anew, is part of it for whoever asks how the process is.
      await pause(settleMs)
      longest.push(await longestOf(health))
    }
    for (const process of crowd) process.send({ do: 'stop' } satisfies WatchersAsk)
    const figures = {
      watchers,
      tls,
      lastMs: Math.round(median(took)),
      rssPerWatcher: Math.round((after.rss - before.rss) / watchers),
      heapPerWatcher: Math.round((after.heap - before.heap) / watchers),
      healthzMaxMs: Math.round(median(longest)),
    }
    console.table([figures])
    console.log(`${rounds} changes reached the last watcher after ${took.map(Math.round).join(', ')} ms,`)
    console.log(`and /healthz took at most ${longest.map(Math.round).join(', ')} ms meanwhile; the table shows medians.`)
    if (json) console.log(JSON.stringify({ bench: 'control', ...figures }))
  } finally {
    health.disconnect()
    control.process.disconnect()
    await control.dispatcher.close()
  }
}

async function startControl(tls: boolean): Promise<Control> {
  const process = forked('control-server.ts', { execArgv: ['--expose-gc'], args: tls ? ['--tls'] : [] })
  const [{ port, token: admin, ca }] = (await once(process, 'message')) as [ServerStarted]
  const control = { process, port, admin, ca, dispatcher: new Agent({ connect: ca === null ? {} : { ca, servername: 'localhost' } }) }
  const { token } = (await ask(control, 'POST', { path: '/v1/tokens', body: { service: 'watcher' } })) as { token: string }
  return { ...control, token }
}

/** Policies and instances for all services. */
async function fill(control: Control): Promise<void> {
  for (const service of ['payment', ...Array.from({ length: services }, (_, n) => `service-${n}`)]) {
    for (let n = 0; n < endpointsOfService; n++) {
      const body = { address: `10.1.${n}.${service.length}:${8000 + n}`, labels: { version: 'v1' }, zone: 'a' }
      await ask(control, 'PUT', { path: `/v1/instances/${service}/${service}-${n}`, body })
    }
    await write(control, service, 1000)
  }
}

/** What the first polls compile and grow must not be counted to the watchers. */
async function warm(control: Control): Promise<void> {
  const [crowd] = (await park(control, warming)) as [ChildProcess]
  await change(control, [crowd])
  crowd.send({ do: 'stop' } satisfies WatchersAsk)
  await once(crowd, 'exit')
  await pause(settleMs)
}

async function park(control: Control, watchers: number): Promise<ChildProcess[]> {
  const crowd: ChildProcess[] = []
  for (let from = 0; from < watchers; from += watchersOfProcess) {
    const process = forked('control-watchers.ts')
    crowd.push(process)
    const count = Math.min(watchersOfProcess, watchers - from)
    const { port, token } = control
    process.send({ do: 'start', port, token, from, count, services, tls: control.ca !== null } satisfies WatchersAsk)
    await once(process, 'message')
  }
  return crowd
}

/** Changes the one policy that all use; answers after how long the last watcher had it. */
async function change(control: Control, crowd: readonly ChildProcess[]): Promise<number> {
  const { revision } = (await ask(control, 'GET', { path: '/v1/status?service=payment' })) as { revision: number }
  for (const process of crowd) {
    process.send({ do: 'expect', revision: revision + 1 } satisfies WatchersAsk)
    await once(process, 'message')
  }
  const all = Promise.all(crowd.map(async (process) => (await once(process, 'message')) as [WatchersAnswer]))
  const startedAt = performance.timeOrigin + performance.now()
  await write(control, 'payment', 1000 + revision)
  const lastAt = Math.max(...(await all).map(([answer]) => answer.lastAt))
  return lastAt - startedAt
}

async function write(control: Control, service: string, timeoutMs: number): Promise<void> {
  const body = {
    service,
    timeout: timeoutMs,
    retry: { attempts: 3, on: ['unreached', 'unavailable'] },
    breaker: { consecutiveFailures: 10 },
  }
  await ask(control, 'PUT', { path: `/v1/policies/${service}?force=true`, body })
}

async function ask(
  { port, admin, ca, dispatcher }: Omit<Control, 'token'>,
  method: 'GET' | 'POST' | 'PUT',
  { path, body }: { readonly path: string; readonly body?: unknown },
): Promise<unknown> {
  const response = await request(`${ca === null ? 'http' : 'https'}://127.0.0.1:${port}${path}`, {
    method,
    dispatcher,
    headers: { authorization: `Bearer ${admin}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.body.text()
  if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`)
  return text === '' ? null : JSON.parse(text)
}

async function memoryOf({ process }: Control): Promise<ServerMemory> {
  process.send('memory')
  const [memory] = (await once(process, 'message')) as [ServerMemory]
  return memory
}

async function longestOf(health: ChildProcess): Promise<number> {
  health.send('longest')
  const [longest] = (await once(health, 'message')) as [number]
  return longest
}

function forked(file: string, { execArgv = [], args = [] }: { execArgv?: string[]; args?: string[] } = {}): ChildProcess {
  const child = fork(new URL(file, import.meta.url), args, { execArgv })
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) throw new Error(`${file} ended with code ${code}`)
  })
  return child
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
