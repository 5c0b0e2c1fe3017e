import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, type Mesh, type MeshOptions } from '@zerohop/mesh-core'
import { type MeshFetch, meshFetch } from '@zerohop/mesh-http'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { quietLog } from '../support/quiet-log.ts'
import { ScriptedControl } from '../support/scripted-control.ts'

const patienceMs = 500
// What a busy machine may add to it.
const slackMs = 400
const silent = { ...quietLog, error: () => {} }
const ownDispatcher = getGlobalDispatcher()
let elsewhere = ''
let ends: (() => unknown)[] = []

beforeEach(async () => {
  const server = createServer((_, response) => response.end('elsewhere'))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  elsewhere = String((server.address() as AddressInfo).port)
  // Every name that is left to the platform is found, and is that server.
  const dispatcher = new Agent({
    connect: {
      lookup: (_host, { all }, found) => (all === true ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)),
    },
  })
  setGlobalDispatcher(dispatcher)
  ends.push(
    () => server.close().closeAllConnections(),
    () => dispatcher.destroy(),
    () => setGlobalDispatcher(ownDispatcher),
  )
})

afterEach(async () => {
  for (const end of ends.reverse()) await end()
  ends = []
})

function meshOf(control: string, options: Partial<MeshOptions> = {}): { mesh: Mesh; fetch: MeshFetch } {
  const mesh = createMesh({ service: 'shop', control, lastGood: false, log: silent, ...options })
  ends.push(() => mesh.close({ graceMs: 0 }))
  return { mesh, fetch: meshFetch(mesh) }
}

async function controlWithShop(): Promise<{ control: ControlProcess; token: string }> {
  const control = await ControlProcess.start()
  ends.push(() => control[Symbol.asyncDispose]())
  return { control, token: await control.tokenFor('shop') }
}

async function pollsOf(mesh: Mesh): Promise<number> {
  const lines = (await mesh.metrics()).split('\n').filter((line) => line.startsWith('zerohop_control_polls_total{'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** What became of a call, and after how long. */
async function call(fetch: MeshFetch, host: string): Promise<{ text: string; tookMs: number }> {
  const startedAt = performance.now()
  const text = await fetch(`http://${host}:${elsewhere}/`).then(
    (response) => response.text(),
    ({ cause }) => `${cause.code}: ${cause.message}`,
  )
  return { text, tookMs: performance.now() - startedAt }
}

test('a name that the control API does not know passes to the platform, is asked about once, and is found when it registers', async () => {
  const { control, token } = await controlWithShop()
  const { mesh, fetch } = meshOf(control.url, { token })
  const first = await call(fetch, 'nowhere')
  expect(first.text).toBe('elsewhere')
  const polls = await pollsOf(mesh)
  const again: number[] = []
  for (let n = 0; n < 50; n++) {
    const { text, tookMs } = await call(fetch, 'nowhere')
    expect(text).toBe('elsewhere')
    again.push(tookMs)
  }
  expect((await pollsOf(mesh)) - polls).toBeLessThan(2)
  expect(mesh.explain().control?.uses).toEqual(['nowhere'])
  // Not asked about at all: names of the internet, this machine, addresses.
  for (const host of ['example.com', 'localhost', '127.0.0.1']) expect((await call(fetch, host)).text).toBe('elsewhere')
  expect(mesh.explain().control?.uses).toEqual(['nowhere'])

  const registered = createServer((_, response) => response.end('registered'))
  await new Promise<void>((resolve) => {
    registered.listen(0, '127.0.0.1', resolve)
  })
  ends.push(() => registered.close().closeAllConnections())
  await control.lease('nowhere', 'nowhere-1', { address: `127.0.0.1:${(registered.address() as AddressInfo).port}` })
  const found = async (): Promise<boolean> => (await call(fetch, 'nowhere')).text === 'registered'
  await eventually(found, 'the service is found')
  printFigures('a stranger', { 'first call': `${first.tookMs.toFixed(0)} ms`, 'slowest of 50 more': `${Math.max(...again).toFixed(0)} ms` })
})

test('where only registered services may be called a stranger fails by name, and so does one with a suffix of ours', async () => {
  const { control, token } = await controlWithShop()
  const { fetch } = meshOf(control.url, { token, outbound: 'registered-only', suffixes: ['.shop.internal'] })
  for (const host of ['nowhere', 'nowhere.shop.internal']) {
    expect((await call(fetch, host)).text).toMatch(new RegExp(`^NOT_REGISTERED: ${host}: .*knows no service of that name`))
  }
  expect((await call(fetch, 'example.com')).text).toBe('elsewhere')
})

test('a control API that does not answer holds a call up for half a second, and the next one not at all', async () => {
  const scripted = await new ScriptedControl({ service: 'x', timeout: 1, addresses: [] }).listen()
  ends.push(() => scripted[Symbol.asyncDispose]())
  scripted.spoil = () => {}
  const { fetch } = meshOf(scripted.url)
  const first = await call(fetch, 'nowhere')
  const second = await call(fetch, 'nowhere')
  const closed = meshOf(scripted.url, { outbound: 'registered-only' })
  const refused = await call(closed.fetch, 'nowhere')
  expect([first.text, second.text, refused.text]).toEqual([
    'elsewhere',
    'elsewhere',
    expect.stringMatching(/^NOT_REGISTERED: nowhere: .*cannot be asked/),
  ])
  for (const { tookMs } of [first, refused]) {
    expect(tookMs).toBeGreaterThan(patienceMs - 20)
    expect(tookMs).toBeLessThan(patienceMs + slackMs)
  }
  expect(second.tookMs).toBeLessThan(patienceMs - 100)
  printFigures('a silent control API', { 'first call': `${first.tookMs.toFixed(0)} ms`, second: `${second.tookMs.toFixed(0)} ms` })
})

test('out of contact strangers pass at once where they may, and fail at once where they may not', async () => {
  const { control, token } = await controlWithShop()
  const open = meshOf(control.url, { token })
  const closed = meshOf(control.url, { token, outbound: 'registered-only' })
  await Promise.all([open.mesh.ready(), closed.mesh.ready()])
  await control.kill()
  const isLost = ({ mesh }: { mesh: Mesh }): boolean => mesh.explain().control?.state === 'lost'
  await eventually(() => isLost(open) && isLost(closed), 'both know that they are out of contact')
  const passed = await call(open.fetch, 'nowhere')
  const refused = await call(closed.fetch, 'nowhere')
  expect([passed.text, refused.text]).toEqual(['elsewhere', expect.stringMatching(/^NOT_REGISTERED: nowhere: .*cannot be asked/)])
  for (const { tookMs } of [passed, refused]) expect(tookMs).toBeLessThan(patienceMs - 100)
  printFigures('out of contact', { passed: `${passed.tookMs.toFixed(0)} ms`, refused: `${refused.tookMs.toFixed(0)} ms` })
})
