import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { leafLife } from '../support/leaf-life.ts'
import { metricIn } from '../support/metric-in.ts'
import { Program } from '../support/program.ts'
import type { SecuredSeen, SecuredSettings } from '../support/programs/secured-service.ts'

// The chain of a request: each asks the next one.
const chain = ['shop', 'cart', 'stock']

/** The three services, of which the first loads the others. */
class Chain implements AsyncDisposable {
  readonly #programs: Program[] = []

  async start(control: ControlProcess): Promise<void> {
    // From its end, so that nobody asks for a service that is not there.
    for (const service of chain.toReversed()) {
      const next = chain[chain.indexOf(service) + 1] ?? ''
      const token = await control.tokenFor(service)
      const lanes = service === 'shop' ? 4 : 0
      const settings: SecuredSettings = { service, instance: `${service}-1`, control: control.url, token, next, lanes }
      const program = new Program('secured-service', { settings })
      this.#programs.unshift(program)
      await program.hear('up')
    }
  }

  seen(): Promise<readonly SecuredSeen[]> {
    return Promise.all(this.#programs.map((program) => program.ask<SecuredSeen>('seen')))
  }

  async end(): Promise<void> {
    await this.#programs[0]?.ask('end')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program[Symbol.asyncDispose]()))
  }
}

/** The certificates that each instance has had by now. */
async function issued(services: Chain): Promise<readonly number[]> {
  return (await services.seen()).map(({ metrics }) => metricIn(metrics, 'zerohop_identity_renewals_total', 'result="issued"'))
}

test('certificates turn over under load, then the root does with the control API killed twice in the middle, and nobody notices', async () => {
  const leafLifeMs = await leafLife(10_000)
  await using control = await ControlProcess.start('--tls', 'on', '--leaf-life', `${leafLifeMs / 1000}s`)
  for (const service of chain) await control.write(service, { access: { mtls: 'strict' } })
  await using services = new Chain()
  await services.start(control)
  await eventually(async () => (await issued(services)).every((count) => count >= 3), 'each has had three certificates', 3 * leafLifeMs)
  const turnovers = await issued(services)

  const rotatedFrom = performance.now()
  const oldRoots: string = (await control.ask('GET', '/v1/identity/roots', { token: '' })).body.roots.join()
  const command = control.rotateRoot()
  const phase = async (): Promise<string> => (await control.must('GET', '/v1/identity/rotations')).body.phase
  let awayMs = 0
  for (const due of ['spreading', 'renewing']) {
    await eventually(async () => (await phase()) === due, `the rotation is ${due}`, 2 * leafLifeMs)
    await pause(Math.random() * 500)
    const killedAt = performance.now()
    await control.kill()
    await control.start()
    awayMs += performance.now() - killedAt
  }
  const said = await command
  const rotationMs = performance.now() - rotatedFrom
  expect(said).toContain('The old root is believed no more: the rotation is done.')
  const newRoots: readonly string[] = (await control.ask('GET', '/v1/identity/roots', { token: '' })).body.roots
  expect(newRoots).toHaveLength(1)
  expect(oldRoots).not.toContain(newRoots[0])
  // The certificates of the new root turn over in their turn.
  const rotated = await issued(services)
  await eventually(
    async () => (await issued(services)).every((count, at) => count > (rotated[at] as number)),
    'another turnover',
    leafLifeMs,
  )
  await services.end()

  const seen = await services.seen()
  const calls = seen[0]?.calls
  const left = seen.slice(0, -1).map(({ metrics }) => metricIn(metrics, 'zerohop_certificates_least_left_seconds'))
  printFigures('certificates and root turned over', {
    'life of a certificate': `${leafLifeMs / 1000} s`,
    calls: calls?.done,
    failed: calls?.failures.length,
    'certificates each': `${turnovers.join('/')}, then ${(await issued(services)).join('/')}`,
    'certificates seen by servers': seen.map(({ callerCertificates }) => callerCertificates).join('/'),
    'least left': `${Math.min(...left).toFixed(1)} s`,
    'control API away': `${(awayMs / 1000).toFixed(1)} s`,
    rotation: `${(rotationMs / 1000).toFixed(1)} s`,
  })
  expect(calls?.failures).toEqual([])
  expect(calls?.done).toBeGreaterThan(500)
  expect(seen.flatMap(({ expired }) => expired)).toEqual([])
  expect(seen.map(({ plain }) => plain)).toEqual([0, 0, 0])
  expect(seen.map(({ callers }) => callers)).toEqual([[], ['shop'], ['cart']])
  // Callers showed new certificates to their servers, more than one old one and one new one.
  expect(seen[1]?.callerCertificates).toBeGreaterThan(3)
  expect(Math.min(...left)).toBeGreaterThan(0)
}, 240_000)
