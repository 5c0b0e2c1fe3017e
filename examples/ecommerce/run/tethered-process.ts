/** A process of the run: it carries the run's name, and ends with the process that started it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { RunDirectory } from './run-directory.ts'

/** What is started. */
export interface Program {
  /** Unique within the run: `cart-2`. */
  readonly name: string
  /** The file that node runs. */
  readonly main: string
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Told of every line of its stdout. */
  readonly onLine: (line: string) => void
}

const tether = fileURLToPath(new URL('./tether.ts', import.meta.url))
const complaintChars = 2000

/** A process that was started. */
export class TetheredProcess {
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #complaint = ''

  constructor(run: RunDirectory, { name, main, args = [], env = process.env, onLine }: Program) {
    this.#child = spawn(process.execPath, [`--title=${run.name}/${name}`, `--import=${tether}`, main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...env, SHOP_RUN: run.path },
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      // 'exit' never comes where the process could not even be started.
      this.#child.on('error', (error) => {
        this.#complain(error.message)
        if (!this.alive) resolve()
      })
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#complain(chunk.toString('utf8')))
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', onLine)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get alive(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** True where it ended by itself and in order, not by a signal or with an error. */
  get endedInOrder(): boolean {
    return this.#child.exitCode === 0
  }

  /** What it last wrote to stderr, at most 2,000 characters. */
  get complaint(): string {
    return this.#complaint.trim()
  }

  /** Sends a signal; harmless where the process has ended. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.alive) this.#child.kill(signal)
  }

  #complain(text: string): void {
    this.#complaint = (this.#complaint + text).slice(-complaintChars)
  }
}
