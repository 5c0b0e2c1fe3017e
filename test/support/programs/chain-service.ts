/** One link of a chain of services, with a careless handler: whatever becomes of its call, it calls again. */
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { machineNow } from '../machine-clock.ts'
import { quietLog } from '../quiet-log.ts'
import { settingsOf, tell } from './with-parent.ts'

/** How a link is started. */
export interface ChainSettings {
  readonly service: string
  /** The address of the next link; '' for the last one, which never answers. */
  readonly next: string
}

/** What a link saw of a run whose caller left. */
export interface RunSeen {
  readonly run: number
  /** When it saw that its caller had left. */
  readonly leftAt: number
  /** Calls that its handler made after that. */
  readonly triedAfter: number
  /** Calls that went out on the wire after that. */
  readonly startedAfter: number
  /** Requests of this run that it received. */
  readonly received: number
}

// A handler that hears of a failure tries again at once, and in later turns of the loop.
const triesAfter = 4

const { service, next } = settingsOf<ChainSettings>()
const mesh = createMesh({
  service,
  log: quietLog,
  discovery: staticEndpoints(next === '' ? {} : { next: [next] }),
  policy: { timeout: '60s', retry: { attempts: 3, on: ['unreached', 'unavailable', 'broken', 'fault'], backoff: { base: 0, cap: 0 } } },
})
const fetch = meshFetch(mesh)
const left = new Set<string>()
const started = new Map<string, number>()
const received = new Map<string, number>()

// What the HTTP client itself says it wrote: a witness that is no part of the mesh.
subscribe('undici:client:sendHeaders', (message) => {
  const run = /x-run: (\d+)/.exec((message as { headers: string }).headers)?.[1] as string
  if (left.has(run)) started.set(run, (started.get(run) ?? 0) + 1)
})

async function call(run: string): Promise<void> {
  try {
    await (await fetch('http://next/', { headers: { 'x-run': run } })).text()
  } catch {
    // Careless.
  }
}

async function app(request: IncomingMessage, _response: ServerResponse): Promise<void> {
  const run = request.headers['x-run'] as string
  received.set(run, (received.get(run) ?? 0) + 1)
  const gone = Promise.withResolvers<number>()
  const see = (): void => {
    left.add(run)
    gone.resolve(machineNow())
  }
  request.socket.once('end', see).once('close', see)
  void tell('arrived', { run: Number(run) })
  let triedAfter = 0
  if (next !== '') {
    while (triedAfter < triesAfter) {
      if (left.has(run)) triedAfter++
      await call(run)
      if (triedAfter % 2 === 1) await turn()
    }
  }
  const leftAt = await gone.promise
  const seen: RunSeen = {
    run: Number(run),
    leftAt,
    triedAfter,
    startedAfter: started.get(run) ?? 0,
    received: received.get(run) as number,
  }
  await tell('left', seen)
}

const server = await serveHttp(mesh, app, { port: 0, host: '127.0.0.1' })
await tell('up', { address: server.address })
