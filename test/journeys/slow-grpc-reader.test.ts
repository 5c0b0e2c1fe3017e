import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { Program } from '../support/program.ts'
import type { Drunk, ReaderSettings } from '../support/programs/grpc-reader.ts'
import type { GrpcSettings } from '../support/programs/grpc-service.ts'

const megabyte = 1_048_576
const messages = 16_384
const bytesEach = 65_536
const gulps = 4
const mostGrownMegabytes = 16

test('a slow reader of a stream of 1 GB over mutual TLS holds back the one who pours it, and neither fills up', async () => {
  await using control = await ControlProcess.start('--tls', 'on')
  await control.write('water', { access: { mtls: 'strict' }, stream: { idle: '120s', total: '10m' } })
  const place = { control: control.url }
  const execArgv = ['--expose-gc']
  const serving: GrpcSettings = { service: 'water', instance: 'water-1', ...place, token: await control.tokenFor('water') }
  await using server = new Program('grpc-service', { settings: serving, execArgv })
  await server.hear('up')
  const pouring = { messages, bytesEach, pauseMs: 0 }
  const token = await control.tokenFor('thirsty')
  const reading: ReaderSettings = { service: 'thirsty', instance: 'thirsty-1', ...place, token, from: 'water', pouring }
  await using reader = new Program('grpc-reader', { settings: reading, execArgv })
  await reader.hear('up')
  const both = [server, reader]
  const weights = (): Promise<number[]> =>
    Promise.all(both.map(async (one) => (await one.ask<{ bytes: number }>('weight')).bytes / megabyte))

  const before = await weights()
  const grown: [number[], number[]] = [[], []]
  const weigh = async (): Promise<number[]> => {
    const now = await weights()
    return now.map((weight, at) => weight - (before[at] as number))
  }
  let drunk: Drunk = { bytes: 0, status: null }
  for (let gulp = 0; gulp < gulps; gulp++) {
    drunk = await reader.ask<Drunk>('gulp', { more: (messages * bytesEach) / gulps })
    // While nobody reads, the one who pours fills what there is on the way: weighed until it does not grow any more.
    let last = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
    await eventually(async () => {
      const now = await weigh()
      const isSteady = now.every((weight, at) => weight <= (last[at] as number) + 0.5)
      last = now
      return isSteady
    }, 'what is held does not grow')
    for (const at of [0, 1] as const) grown[at].push(last[at] as number)
  }
  while (drunk.status === null) drunk = await reader.ask<Drunk>('gulp', { more: messages * bytesEach })
  printFigures('a slow reader of 1 GB', {
    megabytes: drunk.bytes / megabyte,
    status: drunk.status,
    'the one who pours has grown by at most': `${Math.max(...grown[0]).toFixed(1)} MB`,
    'the reader by': `${Math.max(...grown[1]).toFixed(1)} MB`,
  })
  expect(drunk).toMatchObject({ bytes: messages * bytesEach, status: 0 })
  expect(Math.max(...grown.flat())).toBeLessThan(mostGrownMegabytes)
}, 180_000)
