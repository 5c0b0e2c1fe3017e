/** The demo, as its users run it: it tells its story, and leaves nothing behind however it ends. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { whyNoConsul } from '../support/consul.ts'

const main = fileURLToPath(new URL('../../examples/ecommerce/main.ts', import.meta.url))
const run = promisify(execFile)
const why = whyNoConsul()
const names = [
  'everything up',
  'from permissive to strict under load',
  'a spike makes payment slow and callers hang',
  'the policy changes, and the shop degrades instead of hanging',
  'payment heals, the breaker closes by its probe',
  'an instance dies by SIGKILL under load',
  'a rolling restart of product-catalog',
  '10 % of payment goes to version 2',
  'checkout is slow because cart asks inventory three times in a row',
  'a plaintext caller and a service with the wrong identity are refused',
  'a service that may not call payment gets 403',
  'a policy is pushed, and live in every process within a second',
  'the control API is killed by SIGKILL',
  'the control API is back, and everything in sync again',
  'all certificates are renewed under load',
  'the root is turned over under load',
  'a policy that routes to a version that does not exist',
  'rollback to the revision before',
]

interface Demo {
  readonly child: ChildProcess
  /** Everything written so far. */
  text(): string
  /** Exit code, once it has ended. */
  readonly ended: Promise<number | null>
}

let ownTmp = ''
let demos: Demo[] = []

beforeEach(() => {
  ownTmp = mkdtempSync(join(tmpdir(), 'zerohop-journey-'))
})

afterEach(() => {
  for (const { child } of demos) child.kill('SIGKILL')
  demos = []
  rmSync(ownTmp, { recursive: true, force: true, maxRetries: 5 })
})

function start(...flags: readonly string[]): Demo {
  const child = spawn(process.execPath, [main, ...flags], { env: { ...process.env, TMPDIR: ownTmp }, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const demo = { child, text: () => text, ended: once(child, 'close').then(([code]) => code as number | null) }
  demos.push(demo)
  return demo
}

async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const endAt = Date.now() + 120_000; !(await condition()); await pause(50)) {
    if (Date.now() > endAt) throw new Error(`still not so after two minutes: ${what}`)
  }
}

/** Processes of the run in that directory, which they carry in their title. */
async function processesOf(name: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,stat=,args='])
  // A process that has ended may wait a moment for its parent, or for init, to take note.
  return stdout.split('\n').filter((line) => line.includes(`${name}/`) && !/^\s*\d+\s+Z/.test(line))
}

/** Waits until the shop is up; returns the name of its run. */
async function untilOpen(demo: Demo): Promise<string> {
  await eventually(() => demo.text().includes('ok in') || demo.child.exitCode !== null, 'the first step is told')
  const name = readdirSync(ownTmp)[0] ?? ''
  expect((await processesOf(name)).length, demo.text()).toBeGreaterThan(10)
  return name
}

/** Waits until the run has a Consul; returns its origin. */
async function consulOf(demo: Demo): Promise<string> {
  const told = (): string | undefined => /endpoints come from Consul [\d.]+ at (http:\S+),/.exec(demo.text())?.[1]
  await eventually(() => told() !== undefined || demo.child.exitCode !== null, 'the demo says where its Consul is')
  return told() ?? expect.fail(demo.text())
}

async function expectNothingLeft(name: string): Promise<void> {
  await eventually(async () => (await processesOf(name)).length === 0, `no process of ${name} is left`)
  await eventually(() => readdirSync(ownTmp).length === 0, `nothing is left in ${ownTmp}`)
}

describe('the demo', () => {
  test('tells its whole story, every step holds, and nothing is left behind', async () => {
    const demo = start('--json')
    const name = await untilOpen(demo)
    expect(await demo.ended, demo.text()).toBe(0)
    const last = demo.text().trimEnd().split('\n').at(-1) ?? ''
    const told = JSON.parse(last) as { steps: Record<string, unknown>[]; ok: boolean }
    expect(Object.keys(told)).toEqual(['steps', 'ok'])
    expect(told.ok).toBe(true)
    expect(told.steps.map(({ name }) => name)).toEqual(names)
    for (const step of told.steps) {
      expect(Object.keys(step)).toEqual(['name', 'expected', 'seen', 'ok'])
      expect(step).toMatchObject({ ok: true })
    }
    expect(demo.text(), 'the admin token is shown by --keep alone').not.toMatch(/zh_/)
    await expectNothingLeft(name)
  })

  test('ends at Ctrl-C in the middle of its story, and nothing is left behind', async () => {
    const demo = start()
    const name = await untilOpen(demo)
    demo.child.kill('SIGINT')
    expect(await demo.ended).toBe(130)
    await expectNothingLeft(name)
  })

  test('takes its services and its directory with it when it is killed', async () => {
    const demo = start()
    const name = await untilOpen(demo)
    demo.child.kill('SIGKILL')
    await demo.ended
    await expectNothingLeft(name)
  })

  test.skipIf(why !== '')('runs on a Consul of its own with --consul, and takes it along when it ends', async () => {
    const demo = start('--consul')
    const name = await untilOpen(demo)
    expect(demo.text()).toContain('13 leases held, 13 listed in Consul')
    const address = await consulOf(demo)
    const listed = await fetch(`${address}/v1/health/service/inventory?passing`).then((response) => response.json())
    expect(listed).toHaveLength(3)
    expect((await processesOf(name)).filter((line) => line.includes('agent -server'))).toHaveLength(1)
    demo.child.kill('SIGINT')
    expect(await demo.ended).toBe(130)
    await expectNothingLeft(name)
    await expect(fetch(address)).rejects.toThrow('fetch failed')
  })

  test.skipIf(why !== '')('takes its Consul with it when it is killed', async () => {
    const demo = start('--consul')
    const address = await consulOf(demo)
    const name = readdirSync(ownTmp)[0] ?? ''
    demo.child.kill('SIGKILL')
    await demo.ended
    await expectNothingLeft(name)
    await expect(fetch(address)).rejects.toThrow('fetch failed')
  })

  test('says why there is no Consul where --consul cannot have one, and starts nothing', async () => {
    const bare = join(ownTmp, 'bare')
    mkdirSync(bare)
    const { stdout } = await run('bash', ['-c', 'command -v bash'])
    symlinkSync(stdout.trim(), join(bare, 'bash'))
    const env = { ...process.env, TMPDIR: ownTmp, PATH: bare, XDG_CACHE_HOME: bare }
    const failed = await run(process.execPath, [main, '--consul'], { env }).catch((error) => error)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toBe('--consul needs a Consul, and this machine can have none: it comes from Debian, and there is no apt\n')
    expect(failed.stdout).toBe('')
    expect(readdirSync(ownTmp)).toEqual(['bare'])
  })

  test('names an unknown flag and starts nothing', async () => {
    const failed = await run(process.execPath, [main, '--jason'], { env: { ...process.env, TMPDIR: ownTmp } }).catch((error) => error)
    expect(failed.code).toBe(2)
    expect(failed.stderr).toContain("'--jason'")
    expect(readdirSync(ownTmp)).toEqual([])
  })
})
