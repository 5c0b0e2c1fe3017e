import { setTimeout as pause } from 'node:timers/promises'
import { Metadata } from '@grpc/grpc-js'
import { meshClient } from '@zerohop/mesh-grpc'
import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { SteadyLoad } from '../support/lanes.ts'
import { metricIn } from '../support/metric-in.ts'
import { Program } from '../support/program.ts'
import type { GrpcSeen, GrpcSettings } from '../support/programs/grpc-service.ts'
import { SecuredMember } from '../support/secured-member.ts'
import { type Pouring, type WaterClient, WaterWorksClient } from '../support/water-works.ts'

const leafLifeMs = 10_000
// Two and a half lives of a certificate; the same as a minute with certificates of 24 s.
const talkMs = 25_000
const everyMs = 50

async function startWater(control: ControlProcess, instance: string): Promise<Program> {
  const settings: GrpcSettings = { service: 'water', instance, control: control.url, token: await control.tokenFor('water') }
  const program = new Program('grpc-service', { settings })
  await program.hear('up')
  return program
}

function ask(client: WaterClient): Promise<string> {
  return new Promise((resolve, reject) => {
    const metadata = new Metadata({ idempotentRequest: true })
    client.ask(Buffer.alloc(0), metadata, {}, (error, answer) => (error === null ? resolve(String(answer)) : reject(error)))
  })
}

/** Resolves to the number of messages. @throws Error where it does not end with OK */
function pour(client: WaterClient, pouring: Pouring): Promise<number> {
  const stream = client.pour(Buffer.from(JSON.stringify(pouring)))
  let messages = 0
  stream.on('data', () => messages++)
  return new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.on('end', () => resolve(messages))
  })
}

/** A talk that goes on for so long, word for word. Resolves to the words that were said and came back. */
async function talk(client: WaterClient, forMs: number): Promise<{ said: number; heard: number; code: number }> {
  const stream = client.talk()
  let said = 0
  let heard = 0
  const ended = Promise.withResolvers<number>()
  stream.on('data', (word: Buffer) => {
    if (word.readUInt32BE() === heard) heard++
  })
  stream.on('status', ({ code }) => ended.resolve(code))
  stream.on('error', () => {})
  let isOver = false
  void ended.promise.then(() => {
    isOver = true
  })
  for (const endAt = performance.now() + forMs; performance.now() < endAt && !isOver; await pause(everyMs)) {
    const word = Buffer.alloc(4)
    word.writeUInt32BE(said++)
    stream.write(word)
  }
  stream.end()
  return { said, heard, code: await ended.promise.then((code) => code) }
}

// The first one is mostly waiting: they are played side by side.
test.concurrent('a talk over gRPC lives on while the certificates of both ends turn over, beside calls over gRPC and HTTP', async () => {
  await using control = await ControlProcess.start('--tls', 'on', '--leaf-life', `${leafLifeMs / 1000}s`)
  await control.write('defaults', { access: { mtls: 'strict' } })
  await using water = await startWater(control, 'water-1')
  await using stock = await SecuredMember.start({ service: 'stock', control: control.url, token: await control.tokenFor('stock') })
  await using shop = await SecuredMember.start({
    service: 'shop',
    control: control.url,
    token: await control.tokenFor('shop'),
    serves: false,
  })
  await control.write('water', { access: { mtls: 'strict' }, stream: { idle: '10s', total: '120s' } })
  const client = meshClient(shop.mesh, 'water', WaterWorksClient)
  await eventually(async () => (await ask(client).catch(() => '')) === 'water-1', 'water is found')
  await using load = new SteadyLoad(2, async (n) => {
    if (n % 2 === 0) await ask(client)
    else await shop.call('stock')
    await pause(5)
  })
  const issued = async (): Promise<readonly number[]> => {
    const own = metricIn(await shop.mesh.metrics(), 'zerohop_identity_renewals_total', 'result="issued"')
    return [own, (await water.ask<GrpcSeen>('seen')).issued]
  }
  const before = await issued()
  const { said, heard, code } = await talk(client, talkMs)
  const turned = (await issued()).map((count, at) => count - (before[at] as number))
  await load.end()
  const left = metricIn(await shop.mesh.metrics(), 'zerohop_certificates_least_left_seconds')
  printFigures('a talk while certificates turn over', {
    'life of a certificate': `${leafLifeMs / 1000} s`,
    talk: `${talkMs / 1000} s`,
    words: said,
    'came back': heard,
    'new certificates of caller and server': turned.join('/'),
    'calls beside it': load.done,
    failed: load.failures.length,
    'least left': `${left.toFixed(1)} s`,
  })
  expect({ heard, code }).toEqual({ heard: said, code: 0 })
  expect(Math.min(...turned)).toBeGreaterThan(2)
  expect(load.failures).toEqual([])
  expect(left).toBeGreaterThan(0)
  expect(stock.mesh.explain().visitors.plaintext).toEqual([])
}, 90_000)

test.concurrent('a rolling restart of a gRPC service fails no idempotent call, and no stream that is shorter than the grace', async () => {
  await using control = await ControlProcess.start('--tls', 'on')
  await control.write('defaults', { access: { mtls: 'strict' } })
  const restarts = 4
  await using programs = new AsyncDisposableStack()
  const running: Program[] = []
  const start = async (instance: string): Promise<void> => {
    const program = programs.use(await startWater(control, instance))
    running.push(program)
  }
  await start('water-1')
  await start('water-2')
  await using shop = await SecuredMember.start({
    service: 'shop',
    control: control.url,
    token: await control.tokenFor('shop'),
    serves: false,
  })
  const client = meshClient(shop.mesh, 'water', WaterWorksClient)
  await eventually(async () => (await ask(client).catch(() => '')) !== '', 'water is found')
  const answeredBy = new Map<string, number>()
  await using unary = new SteadyLoad(4, async () => {
    const instance = await ask(client)
    answeredBy.set(instance, (answeredBy.get(instance) ?? 0) + 1)
    await pause(2)
  })
  const pouring: Pouring = { messages: 20, bytesEach: 1000, pauseMs: 50 }
  await using streams = new SteadyLoad(4, async () => {
    const messages = await pour(client, pouring)
    if (messages !== pouring.messages) throw new Error(`${messages} of ${pouring.messages} messages came`)
  })
  const codes: (number | null)[] = []
  for (let n = 0; n < restarts; n++) {
    const newcomer = `water-${n + 3}`
    await start(newcomer)
    await eventually(() => (answeredBy.get(newcomer) ?? 0) > 20, `${newcomer} answers`)
    const leaving = running.shift() as Program
    leaving.child.kill('SIGTERM')
    codes.push(await leaving.ended)
  }
  await unary.end()
  await streams.end()
  printFigures('a rolling restart over gRPC', {
    restarts,
    instances: answeredBy.size,
    calls: unary.done,
    failed: unary.failures.length,
    streams: streams.done,
    'of them failed': streams.failures.length,
  })
  expect(unary.failures).toEqual([])
  expect(streams.failures).toEqual([])
  expect(answeredBy.size).toBe(restarts + 2)
  expect(streams.done).toBeGreaterThan(4)
  expect(codes).toEqual(codes.map(() => 0))
}, 90_000)
