/** The control API of a run, as a process of its own: started, killed, and started again where it was. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ControlClient } from './control-client.ts'
import type { RunDirectory } from './run-directory.ts'
import { TetheredProcess } from './tethered-process.ts'
import { until } from './until.ts'

// The package's own program, as `npx @zerohop/control-api` runs it.
const main = fileURLToPath(new URL('src/main.ts', import.meta.resolve('@zerohop/control-api/package.json')))
// As for the services: busy cores, a laptop that wakes from sleep.
const startWithinMs = 60_000

/** What holds for a control API from its start. */
export interface ControlTimes {
  /** How long an instance counts as there after it last said so. */
  readonly leaseMs: number
  /** How long a certificate of a service is valid. */
  readonly leafLifeMs: number
}

/** The one control API of a run. */
export class ControlApi {
  /** What an operator can ask of it. */
  readonly client = new ControlClient(this)
  /** Its origin, the same after every start; '' until the first one. */
  url = ''
  /** Shown by its first start, and never again. */
  adminToken = ''
  readonly times: ControlTimes
  /** Where its roots are, for whoever has no token with a fingerprint. */
  readonly caFile: string
  readonly #run: RunDirectory
  #process: TetheredProcess | null = null
  #closed = false

  constructor(run: RunDirectory, times: ControlTimes) {
    this.#run = run
    this.times = times
    this.caFile = join(run.control, 'ca.pem')
  }

  /** Its roots as they are now. */
  get ca(): string {
    return readFileSync(this.caFile, 'utf8')
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Starts it, on the address and the data that it had before. @throws Error with its last words where it ended or took too long */
  async start(): Promise<void> {
    if (this.#closed) throw new Error('the control API is not started: the shop is closing')
    let listens = false
    const started = new TetheredProcess(this.#run, {
      name: 'control-api',
      main,
      args: [
        ...['--port', new URL(this.url || 'https://any:0').port || '0', '--data', this.#run.control],
        ...['--lease', `${this.times.leaseMs / 1000}s`, '--leaf-life', `${this.times.leafLifeMs / 1000}s`],
      ],
      env: ownEnvironment(),
      onLine: (line) => {
        const url = / listens on (https:\/\/\S+:\d+),/.exec(line)?.[1]
        listens ||= url !== undefined
        this.url = url ?? this.url
        this.adminToken = /^ +(zh_\S+)$/.exec(line)?.[1] ?? this.adminToken
      },
    })
    this.#process = started
    const isReady = await until(startWithinMs, () => {
      if (!started.alive) throw new Error(`the control API ended before it listened: ${started.complaint}`)
      return listens && this.adminToken !== ''
    })
    if (!isReady) throw new Error(`the control API did not listen within ${startWithinMs / 1000} s: ${started.complaint}`)
  }

  /** Turns its root over by the command that an operator uses. @throws Error with its last words where it did not come to its end */
  async rotateRoot(onLine: (line: string) => void): Promise<void> {
    const command = new TetheredProcess(this.#run, {
      name: 'rotate-root',
      main,
      args: ['rotate-root', '--control', this.url, '--ca', this.caFile],
      env: { ...ownEnvironment(), ZEROHOP_ADMIN_TOKEN: this.adminToken },
      onLine,
    })
    await command.ended
    if (!command.endedInOrder) throw new Error(`the root was not turned over: ${command.complaint}`)
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL')
    await this.#process?.ended
  }

  /** Ends it at once and for good. */
  close(): Promise<void> {
    this.#closed = true
    return this.kill()
  }

  /** Ends it at once, without waiting: what is left to do while the runner itself is going down. */
  drop(): void {
    this.#process?.signal('SIGKILL')
  }
}

/** Settings of a control API that somebody runs on this machine are not meant for this one. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ZEROHOP_CONTROL_')))
}
