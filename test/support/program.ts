/** A program of `programs/` as a process of its own: started, listened to, ended, and never left behind. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a program tells: a word for what it is about, and the rest. */
export interface Told {
  readonly about: string
}

/** How a program is started. */
export interface ProgramStart {
  /** Handed over as JSON. */
  readonly settings?: unknown
  readonly execArgv?: readonly string[]
  /** True: what it prints is kept in `printed` instead of being shown. */
  readonly isCaptured?: boolean
}

/** One process. */
export class Program implements AsyncDisposable {
  readonly name: string
  readonly child: ChildProcess
  /** The exit code; null where a signal ended it. */
  readonly ended: Promise<number | null>
  /** What it has printed, where that is captured. */
  printed = ''
  #over = false
  readonly #untaken: Told[] = []
  #stir = (): void => {}

  /** @param name a file of `programs/`, without its ending */
  constructor(name: string, { settings = {}, execArgv = [], isCaptured = false }: ProgramStart = {}) {
    this.name = name
    this.child = fork(new URL(`programs/${name}.ts`, import.meta.url), [JSON.stringify(settings)], {
      execArgv: [...execArgv],
      silent: isCaptured,
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.printed += text
      })
    }
    this.child.on('message', (message) => {
      this.#untaken.push(message as Told)
      this.#stir()
    })
    this.ended = once(this.child, 'exit').then(([code]) => {
      this.#over = true
      this.#stir()
      return code as number | null
    })
  }

  /** The next message about that. @throws Error where the program ends without a word about it */
  async hear<T>(about: string): Promise<T> {
    for (;;) {
      const at = this.#untaken.findIndex((told) => told.about === about)
      if (at !== -1) return this.#untaken.splice(at, 1)[0] as T
      if (this.#over) throw new Error(`${this.name} ended before it told about "${about}"`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#stir = resolve
      await promise
    }
  }

  /** Hears every message from now on, in place of `hear`. */
  follow(listener: (told: Told) => void): void {
    this.child.removeAllListeners('message')
    for (const told of this.#untaken.splice(0)) listener(told)
    this.child.on('message', (message) => listener(message as Told))
  }

  /** Asks the program for something, and hears what it tells about that. */
  ask<T>(about: string, what: object = {}): Promise<T> {
    this.child.send({ about, ...what })
    return this.hear<T>(about)
  }

  /** Ends it at once, without a word to it; resolves when it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) await this.kill()
  }
}
