import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { meshFetch } from '@zerohop/mesh-http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { SteadyLoad } from '../support/lanes.ts'
import { quietLog } from '../support/quiet-log.ts'
import { ScriptedControl, type Spoil } from '../support/scripted-control.ts'

const upstream = createServer((_, response) => response.end('ok'))
const silent = { ...quietLog, error: () => {} }
let address = ''
let directory = ''
let control: ScriptedControl
let mesh: Mesh

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-wrong-'))
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve)
  })
  address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`
  control = await new ScriptedControl({ service: 'orders', timeout: 3000, addresses: [address] }).listen()
})

afterEach(async () => {
  await mesh?.close({ graceMs: 0 })
  await control[Symbol.asyncDispose]()
  upstream.closeAllConnections()
  upstream.close()
  rmSync(directory, { recursive: true, force: true })
})

function start(url: string): void {
  mesh = createMesh({ service: 'shop', instance: 'shop-1', control: url, lastGood: directory, log: silent })
}

/** What is in force for the one service. */
function inForce(): { timeoutMs: number | undefined; endpoints: readonly string[] } {
  const [orders] = mesh.explain('orders').services
  return { timeoutMs: orders?.policy.timeoutMs, endpoints: orders?.endpoints.map((one) => one.address) ?? [] }
}

/** How often something was refused, by reason; null for never. */
async function refused(reason: string): Promise<number | null> {
  const found = new RegExp(`^zerohop_control_refused_total{reason="${reason}"[^}]*} (\\d+)$`, 'm').exec(await mesh.metrics())
  return found === null ? null : Number(found[1])
}

async function adopted(): Promise<void> {
  start(control.url)
  inForce()
  await eventually(() => inForce().timeoutMs === 3000, 'the first document is in force')
}

describe('on the wire', () => {
  const answer =
    (body: string | Buffer, headers: Record<string, string> = {}): Spoil =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body)
    }
  const changed = (): object => ({ ...control.document(), version: `${control.epoch}.${control.index + 1}` })
  const cut: Spoil = (response) => {
    const text = JSON.stringify(changed())
    response.writeHead(200, { 'content-length': text.length })
    response.write(text.slice(0, text.length / 2), () => response.destroy())
  }
  /** Somebody else's document: what a cache in between, or a wrong route, brings. */
  const foreign = (): string => {
    const ours = control.content
    control.content = { service: 'another', timeout: 1, addresses: ['10.6.6.6:1'] }
    const text = JSON.stringify(changed())
    control.content = ours
    return text
  }
  const wrong: readonly (readonly [name: string, reason: string, spoil: () => Spoil])[] = [
    ['of an older revision', 'older_revision', () => answer(JSON.stringify({ ...changed(), revision: 0, sections: {} }))],
    ['of an older epoch', 'older_epoch', () => answer(JSON.stringify({ ...changed(), version: 'older.99' }))],
    ['cut off by its connection', 'unreachable', () => cut],
    ['cut off in its text', 'garbage', () => answer(JSON.stringify(changed()).slice(0, -20))],
    ['cut off in its gzip', 'garbage', () => answer(gzipSync(JSON.stringify(changed())).subarray(0, -10), { 'content-encoding': 'gzip' })],
    ['of another client', 'foreign', () => answer(foreign())],
    ['of another program', 'garbage', () => answer('{"kind":"Status","status":"Failure"}')],
    ['that is a page for people', 'garbage', () => answer('<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' })],
    ['that is no text at all', 'garbage', () => answer(Buffer.from([0, 255, 1, 254, 2]))],
    [
      'with a hash that does not fit',
      'wrong_hash',
      () => answer(JSON.stringify({ ...changed(), sections: { 'endpoints/orders': 'f'.repeat(16) } })),
    ],
    ['with a version that is none', 'garbage', () => answer(JSON.stringify({ ...changed(), version: '../../etc' }))],
    [
      'that never ends',
      'too_large',
      () => (response) => {
        response.on('error', () => {})
        const chunk = Buffer.alloc(1_048_576, 0x20)
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
        }
        response.on('drain', more)
        more()
      },
    ],
  ]

  test.each(wrong)('a document %s is refused, counted, and changes nothing', async (_, reason, spoil) => {
    // Two lives of the store, so that there is one that was left behind.
    control.epoch = 'older'
    await adopted()
    control.epoch = 'newer'
    control.wake()
    await eventually(() => mesh.explain().control?.version.startsWith('newer.') === true, 'the second life is known')
    const fetch = meshFetch(mesh)
    await using load = new SteadyLoad(2, async () => {
      const response = await fetch('http://orders/')
      if ((await response.text()) !== 'ok') throw new Error(`status ${response.status}`)
    })
    const before = inForce()
    const { version } = mesh.explain().control ?? {}
    control.revision++
    control.spoil = spoil()
    control.wake()
    const counted = async (): Promise<boolean> => {
      if (reason !== 'unreachable') return (await refused(reason)) !== null
      return (await mesh.metrics()).includes('zerohop_control_failures_total{reason="unreachable"')
    }
    await eventually(counted, `refused as ${reason}`)
    expect([inForce(), mesh.explain().control?.version]).toEqual([before, version])
    expect(mesh.explain().control?.problems.length).toBeGreaterThan(0)
    expect(await mesh.metrics()).toMatch(/^zerohop_control_connected(?:{[^}]*})? 0$/m)

    control.spoil = null
    control.content = { ...control.content, timeout: 4000 }
    control.wake()
    await eventually(() => inForce().timeoutMs === 4000 && mesh.explain().control?.state === 'connected', 'a sane answer is followed again')
    await load.end()
    expect(load.failures).toEqual([])
    expect(load.done).toBeGreaterThan(0)
  })
})

describe('on disk', () => {
  const file = (): string => join(directory, 'shop.last-good')
  const edited = (edit: (text: string) => string | Buffer): void => {
    writeFileSync(file(), edit(readFileSync(file(), 'utf8')), { mode: 0o600 })
  }

  /** A good file, and no control API to ask. */
  async function left(): Promise<string> {
    await adopted()
    const { url } = control
    await mesh.close({ graceMs: 0 })
    await control[Symbol.asyncDispose]()
    return url
  }

  test('the last good document is what a process without control API begins with', async () => {
    start(await left())
    expect(inForce()).toEqual({ timeoutMs: 3000, endpoints: [address] })
    expect(await (await meshFetch(mesh)('http://orders/')).text()).toBe('ok')
  })

  test.each([
    ['truncated', 'file_truncated', (text: string) => text.slice(0, -40)],
    ['changed in one letter', 'file_garbage', (text: string) => text.replace('"timeout":3000', '"timeout":9000')],
    ['garbage', 'file_garbage', () => Buffer.from([0, 255, 1, 254])],
    ['of another format', 'file_foreign', (text: string) => text.replace('zerohop-last-good 1', 'zerohop-last-good 9')],
  ] as const)('a last good document that is %s is refused, and the process starts without', async (_, reason, edit) => {
    const url = await left()
    edited(edit)
    start(url)
    expect(inForce()).toEqual({ timeoutMs: undefined, endpoints: [] })
    expect(await refused(reason)).toBe(1)
    const startedAt = performance.now()
    await mesh.ready()
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })

  test('a last good document of another service is refused', async () => {
    const url = await left()
    const other = join(directory, 'other')
    mkdirSync(other, { mode: 0o700 })
    writeFileSync(join(other, 'cart.last-good'), readFileSync(file()), { mode: 0o600 })
    mesh = createMesh({ service: 'cart', control: url, lastGood: other, log: silent })
    expect(inForce().endpoints).toEqual([])
    expect(await refused('file_foreign')).toBe(1)
  })

  test('a process that begins with a document of an epoch takes none of the epochs before it', async () => {
    control.epoch = 'older'
    await adopted()
    control.epoch = 'newer'
    control.wake()
    await eventually(() => mesh.explain().control?.version.startsWith('newer.') === true, 'the second life is known')
    await mesh.close({ graceMs: 0 })
    control.epoch = 'older'
    control.content = { ...control.content, timeout: 9000 }
    start(control.url)
    inForce()
    await eventually(async () => (await refused('older_epoch')) !== null, 'the older epoch is refused')
    expect(inForce()).toEqual({ timeoutMs: 3000, endpoints: [address] })
    // The control API hears of it.
    await eventually(
      () => control.polls.some(({ searchParams }) => searchParams.get('refused')?.startsWith('older.') === true),
      'it is told',
    )
    printFigures('an epoch that was left behind', { told: control.polls.at(-1)?.searchParams.get('reason') })
  })
})
