/** What an operator does to running processes: look into their meshes, and turn their switches. */
import type { ServiceExplanation } from '@zerohop/mesh-core'
import type { ServiceProcess } from '../run/service-process.ts'
import type { MeshPage } from '../web/admin.ts'

const answerWithinMs = 5000
// A connection kept open from here would be one more that a draining instance has to wait for.
const notKept = { connection: 'close' }

async function reach(one: ServiceProcess, path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`http://${one.admin}${path}`, {
    ...init,
    headers: { ...init.headers, ...notKept },
    signal: AbortSignal.timeout(answerWithinMs),
  })
  if (!response.ok)
    throw new Error(`${one.instance.name} answered ${response.status} to ${path}: ${await response.text()} ${one.complaint}`)
  return response
}

/** A page of one process, past the mesh. */
export async function page(one: ServiceProcess, path: string): Promise<unknown> {
  return (await reach(one, path)).json()
}

/** The `/_mesh` page of a process. */
export async function meshPage(one: ServiceProcess): Promise<MeshPage> {
  return (await page(one, '/_mesh')) as MeshPage
}

/** What the mesh in a process says about one service; undefined where it does not know the service. */
export async function explanationOf(one: ServiceProcess, service: string): Promise<ServiceExplanation | undefined> {
  return (await meshPage(one)).explanation.services.find((row) => row.service === service)
}

/** True of a process that has an instance of a service on its list. */
export async function lists(caller: ServiceProcess, { instance, address }: ServiceProcess): Promise<boolean> {
  return (await explanationOf(caller, instance.service))?.endpoints.some((endpoint) => endpoint.address === address) === true
}

/** Turns a switch in every one of some processes. */
export async function turn(processes: readonly ServiceProcess[], path: string, setting: unknown): Promise<void> {
  const init = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(setting) }
  await Promise.all(processes.map((one) => reach(one, path, init).then((response) => response.body?.cancel())))
}

/** The state of payment's breaker in each of some processes: `open`, `probing`, `closed`, or `none` where there is none. */
export async function paymentBreakers(processes: readonly ServiceProcess[]): Promise<readonly string[]> {
  const rows = await Promise.all(processes.map((one) => explanationOf(one, 'payment')))
  return rows.map((row) => row?.breakers.find(({ version }) => version === 'v1')?.state ?? 'none')
}

/** The values of a metric in processes, of the series whose labels contain all of `labels`. */
export async function series(processes: readonly ServiceProcess[], name: string, ...labels: readonly string[]): Promise<readonly number[]> {
  const texts = await Promise.all(processes.map(async (one) => (await reach(one, '/_metrics')).text()))
  return texts
    .join('\n')
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
}

/** The sum of a counter over processes, of the series whose labels contain all of `labels`. */
export async function counter(processes: readonly ServiceProcess[], name: string, ...labels: readonly string[]): Promise<number> {
  return (await series(processes, name, ...labels)).reduce((sum, value) => sum + value, 0)
}
