import { setTimeout as pause } from 'node:timers/promises'
import { MeshError } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { GatedPath } from '../support/gated-path.ts'
import { SteadyLoad } from '../support/lanes.ts'
import { leafLife } from '../support/leaf-life.ts'
import { SecuredMember } from '../support/secured-member.ts'

// Asked before the tests begin: side by side they would slow each other down.
const shortestMs = await leafLife(10_000)
const services = ['a', 'b', 'c', 'd', 'e', 'f']

interface Ring extends AsyncDisposable {
  readonly members: readonly SecuredMember[]
  readonly paths: readonly GatedPath[]
  /** The one that a member calls. */
  next(member: number): SecuredMember
}

/** Services that each call the next one, each with a way of its own to the control API, started one after the other within a leaf's life. */
async function ring(control: ControlProcess, leafLifeMs: number): Promise<Ring> {
  const members: SecuredMember[] = []
  const paths: GatedPath[] = []
  for (const service of services) {
    const path = await new GatedPath(() => control.port).open()
    paths.push(path)
    members.push(await SecuredMember.start({ service, control: path.url, token: await control.tokenFor(service) }))
    // So that their certificates end at different moments.
    await pause(Math.random() * (leafLifeMs / 10))
  }
  return {
    members,
    paths,
    next: (at) => members[(at + 1) % members.length] as SecuredMember,
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member[Symbol.asyncDispose]()))
      await Promise.all(paths.map((path) => path[Symbol.asyncDispose]()))
    },
  }
}

async function strictControl(leafLifeMs: number): Promise<ControlProcess> {
  const control = await ControlProcess.start('--tls', 'on', '--leaf-life', `${leafLifeMs / 1000}s`)
  await control.write('defaults', { access: { mtls: 'strict' } })
  return control
}

// Both are mostly waiting: they are played side by side.
test.concurrent('a control API that is away for half of a certificate’s life, from any moment on, is missed by nobody', async () => {
  const leafLifeMs = Math.max(14_000, shortestMs)
  // Certificates know whole seconds: some live for up to one less.
  const awayMs = (leafLifeMs - 1000) / 2
  await using control = await strictControl(leafLifeMs)
  await using all = await ring(control, leafLifeMs)
  const { members, paths, next } = all
  const unready: string[] = []
  const generations = members.map(({ mesh }) => mesh.explain().identity?.generation ?? 0)
  const startedAt = performance.now()
  await using load = new SteadyLoad(4, async (n) => {
    const at = n % members.length
    const { ready, why } = await (members[at] as SecuredMember).readiness()
    if (!ready) unready.push(`${members[at]?.instance}: ${why}`)
    await (members[at] as SecuredMember).call(services[(at + 1) % services.length] as string)
    await pause(5)
  })
  // Each loses it at a moment of its own, anywhere in the life of its certificate.
  const beganAt = await Promise.all(
    paths.map(async (path) => {
      await pause(Math.random() * leafLifeMs * 0.5)
      path.shut()
      const shutAt = performance.now()
      await pause(awayMs)
      await path.open()
      return shutAt - startedAt
    }),
  )
  const renewed = (): boolean => members.every(({ mesh }, at) => (mesh.explain().identity?.generation ?? 0) > (generations[at] as number))
  await eventually(renewed, 'each has a new certificate', leafLifeMs)
  await eventually(() => members.every(({ mesh }) => mesh.explain().identity?.problem === ''), 'nobody misses one', leafLifeMs)
  await load.end()
  printFigures('control API away for half of a certificate’s life', {
    'life of a certificate': `${leafLifeMs / 1000} s`,
    'away from': beganAt.map((ms) => `${(ms / 1000).toFixed(1)} s`).join('/'),
    calls: load.done,
    failed: load.failures.length,
    'not ready': unready.length,
  })
  expect(load.failures).toEqual([])
  expect(unready).toEqual([])
  expect(load.done).toBeGreaterThan(200)
  expect(next(0).mesh.explain().visitors).toEqual({ plaintext: [], refused: [], wouldRefuse: [] })
}, 200_000)

test.concurrent('away for longer than a life, readiness is false before the first call fails, the error says why, and all recovers by itself', async () => {
  const leafLifeMs = shortestMs
  await using control = await strictControl(leafLifeMs)
  await using all = await ring(control, leafLifeMs)
  const { members, next } = all
  const failures: { readonly wasKnown: boolean; readonly error: Error }[] = []
  let done = 0
  let isOver = false
  const reasons = new Set<string>()
  const unready = new Set<SecuredMember>()
  const probing = members.map(async (member) => {
    for (; !isOver; await pause(20)) {
      const { ready, why } = await member.readiness()
      if (ready) continue
      unready.add(member)
      reasons.add(why.replace(/\d{4}-\S+Z/g, '…'))
    }
  })
  const calling = members.map(async (member, at) => {
    for (; !isOver; await pause(10)) {
      try {
        await member.call(services[(at + 1) % services.length] as string)
        done++
      } catch (error) {
        // A call needs both ends.
        failures.push({ wasKnown: unready.has(member) || unready.has(next(at)), error: error as Error })
      }
    }
  })
  await eventually(() => done > 20 * members.length, 'all call each other')
  expect(failures).toEqual([])
  await control.kill()
  const killedAt = performance.now()
  const failedOf = (): number => failures.filter(({ error }) => MeshError.is(error) && error.code === 'NO_IDENTITY').length
  await eventually(
    async () => {
      const readiness = await Promise.all(members.map((member) => member.readiness()))
      return readiness.every(({ ready }) => !ready) && failedOf() >= members.length
    },
    'nobody is ready, and calls fail',
    2 * leafLifeMs,
  )
  const goneMs = performance.now() - killedAt
  await control.start()
  const backAt = performance.now()
  const recovered = async (): Promise<boolean> => {
    const readiness = await Promise.all(members.map((member) => member.readiness()))
    return readiness.every(({ ready }) => ready)
  }
  await eventually(recovered, 'all are ready again', 3 * leafLifeMs)
  const readyMs = performance.now() - backAt
  const after = done
  await eventually(() => done > after + 20, 'calls go on')
  isOver = true
  await Promise.all([...calling, ...probing])
  const codes = failures.map(({ error }) => (MeshError.is(error) ? error.code : error.message))
  printFigures('control API away for longer than a certificate lives', {
    'life of a certificate': `${leafLifeMs / 1000} s`,
    'all without one after': `${(goneMs / 1000).toFixed(1)} s`,
    'all ready again after': `${(readyMs / 1000).toFixed(1)} s`,
    calls: done,
    failed: [...new Set(codes)].map((code) => `${code} ${codes.filter((one) => one === code).length}`).join(' '),
  })
  expect([...reasons].filter((why) => !/^the certificate of \S+ (expires|expired) at …, and https:/.test(why))).toEqual([])
  const ownEnd = failures.flatMap(({ error }) => (MeshError.is(error) && error.code === 'NO_IDENTITY' ? [error.message] : []))
  expect(ownEnd.filter((message) => !/its certificate expired at \S+Z; https:\/\/127/.test(message))).toEqual([])
  // Whoever is called without a certificate cannot show any: nothing of the call has left.
  expect(codes.filter((code) => code !== 'NO_IDENTITY' && code !== 'UNREACHED')).toEqual([])
  expect(failures.filter(({ wasKnown }) => !wasKnown).map(({ error }) => error.message)).toEqual([])
}, 200_000)

test.concurrent('away for longer than a life, a process whose token was good once says that it needs another one', async () => {
  await using control = await strictControl(shortestMs)
  const once = async () => (await control.must('POST', '/v1/tokens', { body: { service: 'once', singleUse: true } })).body.token as string
  await using member = await SecuredMember.start({ service: 'once', control: control.url, token: await once() })
  const told = async (): Promise<string> => (await member.readiness()).why
  expect(await told()).toBe('ok')
  await control.kill()
  await eventually(async () => / expired at /.test(await told()), 'its certificate has expired', 2 * shortestMs)
  await control.start()
  await eventually(async () => (await told()).includes('used_token'), 'it says why it gets no other one', 40_000)
  const why = await told()
  printFigures('a token that was good once, after a long outage', { why })
  expect(why).toMatch(
    /^the certificate of \S+\/svc\/once expired at \S+, and https:\S+ the answer is 401: used_token: .*: give the process another token, or one that can be used again\.?$/,
  )
  await using next = await SecuredMember.start({ service: 'once', instance: 'once-2', control: control.url, token: await once() })
  expect(await next.readiness()).toEqual({ ready: true, why: 'ok' })
}, 200_000)
