import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { platform } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures, spread } from '../support/figures.ts'
import { inLanes } from '../support/lanes.ts'
import { Program } from '../support/program.ts'
import type { ParkedSeen, ParkedSettings } from '../support/programs/parked-polls.ts'
import { RawClient } from '../support/raw-client.ts'

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function started(...flags: readonly string[]): Promise<ControlProcess> {
  const control = await ControlProcess.start(...flags)
  ends.push(() => control[Symbol.asyncDispose]())
  return control
}

function clientOf(control: ControlProcess, instance: string, uses: readonly string[]): RawClient {
  return new RawClient({ url: () => control.url, token: control.admin, service: 'shop', instance, uses })
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

/** Megabytes that a process holds in memory; 0 where this machine does not tell. */
function rssOf({ pid }: ControlProcess): number {
  if (platform() !== 'linux') return 0
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

test('10,000 policies are accepted, and a poll stays under 50 ms', async () => {
  const control = await started()
  const policies = 10_000
  const tookMs = await timed(() => inLanes(policies, 16, (n) => control.write(`s${n}`, { timeout: 1000 + n, retry: { attempts: 2 } })))
  const polls: number[] = []
  for (let n = 0; n < 100; n++) {
    const uses = Array.from({ length: 20 }, (_, at) => `s${(n * 97 + at * 31) % policies}`)
    const client = clientOf(control, `one-${n}`, uses)
    polls.push(await timed(() => client.poll()))
    expect(client.policies.size).toBe(20)
  }
  // The most that a poll may ask for.
  const all = clientOf(
    control,
    'all',
    Array.from({ length: 1000 }, (_, n) => `s${n}`),
  )
  const largest = await timed(() => all.poll())
  // Of the policy that all documents hold.
  const defaults = await timed(() => control.write('defaults', { timeout: 5000 }))
  polls.sort((a, b) => a - b)
  printFigures(`${policies} policies`, {
    'written in': `${(tookMs / 1000).toFixed(1)} s`,
    poll: spread(polls, 'ms'),
    'poll with 1,000 names': `${largest.toFixed(0)} ms`,
    'write of defaults': `${defaults.toFixed(0)} ms`,
  })
  // The first poll pays for what is compiled and connected once.
  expect(polls[97]).toBeLessThan(50)
  expect(all.policies.size).toBe(1000)
}, 90_000)

test('a version from the future, from another life, or from before the newest restart is answered with everything', async () => {
  const control = await started()
  await control.write('orders', { timeout: 1000 })
  const client = clientOf(control, 'shop-1', ['orders'])
  await client.poll()
  const [epoch = '', index = ''] = client.version.split('.')
  for (const version of [`${epoch}.${Number(index) + 1_000_000}`, `${epoch}.9007199254740991`, `zzz.${index}`, `${epoch}.0`]) {
    client.version = version
    client.policies.clear()
    expect(await client.poll('5s'), version).toBe(true)
    expect([client.mismatches, client.policies.get('orders')?.document]).toEqual([0, { service: 'orders', timeout: 1000 }])
  }
  for (const version of ['-1', `${epoch}.-1`, `${epoch}.1e9`, `${epoch}`, `${epoch}.99999999999999999999`]) {
    client.version = version
    await expect(client.poll(), version).rejects.toThrow(/^400 .*"path":"after"/)
  }
  // Leases move the index without being written down each: what a client saw last must not be ahead of a control API that was killed.
  client.version = ''
  for (let n = 0; n < 200; n++) await control.lease('orders', `orders-${n}`, { address: `10.0.0.${n}:80` })
  await client.poll()
  await control.kill()
  await control.start()
  await control.lease('orders', 'orders-new', { address: '10.0.1.1:80' })
  expect(await client.poll('5s')).toBe(true)
  expect([client.steppedBack(), client.mismatches]).toEqual([[], 0])
  expect(client.endpoints.get('orders')?.has('10.0.1.1:80')).toBe(true)
  expect(new Set(client.seen.map((one) => one.epoch)).size).toBe(1)
}, 60_000)

test('clients that ask for much and read nothing cost little memory, hold up nobody, and are cut off', async () => {
  const control = await started('--lease', '10m')
  const endpoints = 10_000
  await inLanes(endpoints, 16, (n) =>
    control.lease('large', `l${n}`, { address: `10.1.${Math.floor(n / 250)}.${n % 250}:80`, labels: { version: `v${n % 7}` } }),
  )
  const reader = clientOf(control, 'reader', ['large'])
  await reader.poll()
  const before = rssOf(control)
  const readers = 200
  const requests = 16
  const startedAt = performance.now()
  await inLanes(readers, 50, (n) => {
    const socket = connect(control.port, '127.0.0.1')
    ends.push(async () => socket.destroy())
    const query = `instance=slow-${n}&schema=1&uses=large`
    const head = `GET /v1/documents/shop?${query} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${control.admin}\r\n\r\n`
    // More than the two kernels take for one connection.
    socket.write(head.repeat(requests))
    socket.on('error', () => {})
    // Nothing is read: what the two kernels do not take stays with the control API.
    socket.pause()
    return new Promise((resolve) => socket.once('connect', resolve))
  })
  const heldAt = async (): Promise<number> => control.metric('zerohop_control_documents_total')
  await eventually(async () => (await heldAt()) >= readers, 'all have their answers under way')
  const grownMb = rssOf(control) - before
  const answers: number[] = []
  for (let n = 0; n < 50; n++) answers.push(await timed(() => control.must('GET', '/healthz')))
  const wholeMb = JSON.stringify([...(reader.endpoints.get('large')?.values() ?? [])]).length / 1e6
  await eventually(() => openOf(control) < 50, 'they are cut off', 60_000)
  printFigures(`${readers} clients that read nothing`, {
    'a whole answer': `${wholeMb.toFixed(1)} MB`,
    'memory grew by': `${grownMb.toFixed(0)} MB`,
    healthz: spread(answers, 'ms'),
    'cut off after': `${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
  })
  // Each with a copy of its own would be 500 times a megabyte.
  expect(grownMb).toBeLessThan((readers * wholeMb) / 2)
  answers.sort((a, b) => a - b)
  expect(answers[40]).toBeLessThan(100)
}, 90_000)

/** Connections that the kernel still counts to a control API. */
function openOf({ port, pid }: ControlProcess): number {
  if (platform() !== 'linux') return 0
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)
  // Column 1 is the own address, column 3 the state; 01 is established.
  return rows.map((row) => row.trim().split(/\s+/)).filter(([, own = '', , state]) => own.endsWith(`:${wanted}`) && state === '01').length
}

test('20,000 connections are held, all hear of a change, and the one too many is turned away', async () => {
  const allowed = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()) || 1_000_000
  // The control API needs some files of its own.
  const connections = Math.min(20_000, allowed - 400)
  const control = await started('--host', '0.0.0.0', '--max-connections', String(connections + 50))
  const token = await control.tokenFor('shop')
  await control.write('orders', { timeout: 1000 })
  const hosts = platform() === 'linux' ? ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'] : ['127.0.0.1']
  const processes = 4
  const before = rssOf(control)
  const parking = Array.from({ length: processes }, (_, n) => {
    const count = Math.floor(connections / processes)
    const settings: ParkedSettings = {
      port: control.port,
      token,
      service: 'shop',
      uses: 'orders',
      from: n * count,
      count,
      hosts,
    }
    const program = new Program('parked-polls', { settings })
    ends.push(() => program[Symbol.asyncDispose]())
    return program
  })
  const parkMs = await timed(() => Promise.all(parking.map((program) => program.hear('up'))))
  const expected = Math.floor(connections / processes) * processes
  await eventually(async () => (await control.metric('zerohop_control_parked_polls')) === expected, 'all are parked', 30_000)
  const grownMb = rssOf(control) - before
  const answers: number[] = []
  for (let n = 0; n < 20; n++) answers.push(await timed(() => control.must('GET', '/healthz')))
  const seen = async (): Promise<ParkedSeen> => {
    const all = await Promise.all(parking.map((program) => program.ask<ParkedSeen>('seen')))
    const sum = (pick: (one: ParkedSeen) => number): number => all.reduce((total, one) => total + pick(one), 0)
    return { open: sum((one) => one.open), changed: sum((one) => one.changed), turnedAway: sum((one) => one.turnedAway) }
  }
  expect(await seen()).toEqual({ open: expected, changed: 0, turnedAway: 0 })
  const changeMs = await timed(async () => {
    await control.write('orders', { timeout: 2000 })
    await eventually(async () => (await seen()).changed === expected, 'all have heard of the change', 30_000)
  })
  // As many again as are left, and some more: those are closed, and nobody else suffers.
  const more = new Program('parked-polls', {
    settings: { port: control.port, token, service: 'shop', uses: 'orders', from: 90_000, count: 300, hosts },
  })
  ends.push(() => more[Symbol.asyncDispose]())
  await more.hear('up')
  await eventually(async () => (await more.ask<ParkedSeen>('seen')).turnedAway > 0, 'one too many is turned away')
  const { open } = await seen()
  printFigures(`${expected} connections (of 20,000; this machine allows ${allowed} files a process)`, {
    'parked in': `${(parkMs / 1000).toFixed(1)} s`,
    'memory grew by': `${grownMb.toFixed(0)} MB`,
    healthz: spread(answers, 'ms'),
    'a change reached all after': `${changeMs.toFixed(0)} ms`,
    'turned away beyond': (await more.ask<ParkedSeen>('seen')).turnedAway,
  })
  expect(open).toBe(expected)
  expect(await control.must('GET', '/healthz')).toMatchObject({ status: 200 })
}, 90_000)
