/** Meshes that live by a control API: they call what they are told to, serve where they are told to, and say what holds for them. */
import { readFileSync } from 'node:fs'
import { createMesh, type Log, type Mesh } from '@zerohop/mesh-core'
import { hashOfEndpoints } from '@zerohop/mesh-core/policy'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { SteadyLoad } from '../lanes.ts'
import { LoopProbe, type LoopSeen } from '../loop-probe.ts'
import { quietLog } from '../quiet-log.ts'
import { answers, settingsOf, tell } from './with-parent.ts'

/** What the process is. */
export interface ClientsSettings {
  readonly control: string
  /** Holds the token; read before each request, as a token that turns over must be. */
  readonly tokenFile: string
  readonly service: string
  /** One mesh for each. */
  readonly instances: readonly string[]
  readonly uses: readonly string[]
  /** Default: none is kept. */
  readonly lastGood?: string
  /** The first mesh serves, and registers, with this version. */
  readonly serves?: string
  /** The first mesh calls this service all the time, in two lanes. */
  readonly calls?: string
  /** True: what meshes log is printed. */
  readonly isTalkative?: boolean
}

/** What holds for one mesh. */
export interface ClientTold {
  readonly instance: string
  readonly state: string
  readonly source: string
  readonly version: string
  readonly revision: number
  readonly problems: readonly string[]
  readonly services: Readonly<Record<string, { readonly timeoutMs: number; readonly endpoints: number; readonly hash: string }>>
}

/** What the process says. */
export interface ClientsTold {
  readonly meshes: readonly ClientTold[]
  readonly loop: LoopSeen
  readonly calls: { readonly done: number; readonly failures: readonly string[] }
  readonly metrics: string
}

const settings = settingsOf<ClientsSettings>()
const { control, tokenFile, service, instances, uses, lastGood = false, serves, calls, isTalkative = false } = settings
const printed: Log = { info: console.log, warn: console.warn, error: console.error }
const silent: Log = { ...quietLog, error: () => {} }
const meshes = instances.map((instance) =>
  createMesh({ service, instance, control, lastGood, token: () => readFileSync(tokenFile, 'utf8'), log: isTalkative ? printed : silent }),
)
const [first] = meshes as [Mesh]
const probe = new LoopProbe()
let load: SteadyLoad | null = null

function told(mesh: Mesh, at: number): ClientTold {
  const { control: seen } = mesh.explain()
  if (seen === null) throw new Error('a mesh with a control API explains it')
  const { state, source, version, revision, problems } = seen
  // Endpoints of these tests have no zone: the hash is what the control API has.
  const services = uses.flatMap((name) =>
    mesh.explain(name).services.map(({ policy: { timeoutMs }, endpoints }) => {
      const hash = hashOfEndpoints(endpoints.map(({ address, labels, weight }) => ({ address, labels: { ...labels }, zone: '', weight })))
      return [name, { timeoutMs, endpoints: endpoints.length, hash }] as const
    }),
  )
  return { instance: instances[at] as string, state, source, version, revision, problems, services: Object.fromEntries(services) }
}

answers('holds', async () => {
  // First: what is told costs more time than a probe should see.
  const loop = probe.take()
  const { done = 0, failures = [] } = load ?? {}
  const holding: ClientsTold = { meshes: meshes.map(told), loop, calls: { done, failures }, metrics: await first.metrics() }
  probe.take()
  return holding
})

// Asked about in the way of a first call, without one.
for (const mesh of meshes) for (const name of uses) mesh.explain(name)
if (serves !== undefined) {
  await serveHttp(first, (_, response) => response.end(serves), { port: 0, host: '127.0.0.1', version: serves })
}
await Promise.all(meshes.map((mesh) => mesh.ready()))
if (calls !== undefined) {
  const fetch = meshFetch(first)
  load = new SteadyLoad(2, async () => {
    const response = await fetch(`http://${calls}/`)
    await response.text()
    if (response.status !== 200) throw new Error(`status ${response.status}`)
  })
}
probe.take()
await tell('up')
