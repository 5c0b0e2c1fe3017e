/** An instance of a service with a certificate that the control API issues: it looks at both certificates of each request's connection, and asks the next service. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket as Secured, type TLSSocket } from 'node:tls'
import { createMesh, currentCaller, type IdentityExplanation } from '@zerohop/mesh-core'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { SteadyLoad } from '../lanes.ts'
import { quietLog } from '../quiet-log.ts'
import { answers, settingsOf, tell } from './with-parent.ts'

/** How an instance is started. */
export interface SecuredSettings {
  readonly service: string
  readonly instance: string
  readonly control: string
  readonly token: string
  /** The service that is asked for each request; '' for none. */
  readonly next: string
  /** Lanes in which it asks `next` by itself, all the time. Default: none. */
  readonly lanes?: number
}

/** What an instance has seen. */
export interface SecuredSeen {
  readonly requests: number
  /** Requests over plaintext. */
  readonly plain: number
  /** Requests that began when a certificate of their connection had expired, as sentences. */
  readonly expired: readonly string[]
  /** Different certificates that callers have shown. */
  readonly callerCertificates: number
  readonly callers: readonly string[]
  readonly calls: { readonly done: number; readonly failures: readonly string[] }
  readonly identity: IdentityExplanation | null
  readonly metrics: string
}

interface Ends {
  readonly own: number
  readonly peer: number
}

const { service, instance, control, token, next, lanes = 0 } = settingsOf<SecuredSettings>()
const mesh = createMesh({ service, instance, control, token, lastGood: false, log: { ...quietLog, error: () => {} } })
const fetch = meshFetch(mesh)
const endsOf = new WeakMap<TLSSocket, Ends>()
const callerSerials = new Set<string>()
const callers = new Set<string>()
const expired: string[] = []
let requests = 0
let plain = 0

function look(request: IncomingMessage): void {
  requests++
  const { socket } = request
  if (!(socket instanceof Secured)) {
    plain++
    return
  }
  let ends = endsOf.get(socket)
  if (ends === undefined) {
    const peer = socket.getPeerX509Certificate()
    ends = { own: socket.getX509Certificate()?.validToDate.getTime() ?? 0, peer: peer?.validToDate.getTime() ?? 0 }
    endsOf.set(socket, ends)
    callerSerials.add(peer?.serialNumber ?? '')
  }
  callers.add(currentCaller()?.service ?? '')
  const now = Date.now()
  const overdue = now - Math.min(ends.own, ends.peer)
  if (overdue > 0)
    expired.push(`${service}: began ${overdue} ms after the end of ${ends.own < ends.peer ? 'its own' : 'its caller’s'} certificate`)
}

async function ask(): Promise<string> {
  const response = await fetch(`http://${next}/`)
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${next} answered ${response.status}: ${text}`)
  return text
}

async function app(request: IncomingMessage, response: ServerResponse): Promise<void> {
  look(request)
  if (next === '') return void response.end(service)
  try {
    response.end(`${service} ${await ask()}`)
  } catch (error) {
    const { message, cause } = error as Error
    response.writeHead(502).end(`${service}: ${cause instanceof Error ? cause.message : message}`)
  }
}

const server = await serveHttp(mesh, (request, response) => void app(request, response), { port: 0, host: '127.0.0.1' })
await mesh.ready()
const load = lanes === 0 ? null : new SteadyLoad(lanes, ask)

answers('seen', async (): Promise<SecuredSeen> => {
  const { done = 0, failures = [] } = load ?? {}
  return {
    requests,
    plain,
    expired,
    callerCertificates: callerSerials.size,
    callers: [...callers],
    calls: { done, failures },
    identity: mesh.explain().identity,
    metrics: await mesh.metrics(),
  }
})
answers('end', async () => {
  await load?.end()
  return {}
})
await tell('up', { address: server.address })
