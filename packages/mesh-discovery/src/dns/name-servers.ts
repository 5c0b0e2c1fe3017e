/** Which DNS servers are asked: those that the program names, or those of the machine, followed as they change. */
import { type Log, WatchedFile } from '@zerohop/mesh-core/transport'
import type { DnsServer } from './dns-exchange.ts'
import { readResolvConf } from './resolv-conf.ts'
import type { ResolverSettings } from './resolver.ts'

const machineFile = '/etc/resolv.conf'
const mostReported = 20

/** Named in code: they never change. */
export interface NamedServers {
  readonly servers: readonly DnsServer[]
  readonly timeoutMs: number
}

/** Where questions go at the moment. */
export class NameServers {
  readonly #log: Log
  readonly #file: WatchedFile | null = null
  readonly #path: string
  readonly #reported = new Set<string>()
  #settings: ResolverSettings = readResolvConf('')

  /** @param named null for those of the machine, which `path` lists */
  constructor(named: NamedServers | null, log: Log, path = machineFile) {
    this.#log = log
    this.#path = path
    if (named !== null) {
      this.#settings = { ...named, rounds: 2 }
      return
    }
    this.#file = new WatchedFile(path, (text) => this.#adopt(text))
    this.#adopt(this.#file.readNow())
  }

  get settings(): ResolverSettings {
    return this.#settings
  }

  /** Follows the machine's file no more. */
  close(): void {
    this.#file?.close()
  }

  #adopt(text: string | Error): void {
    if (text instanceof Error) {
      this.#report(`cannot be read, and the DNS servers stay as they are: ${text.message}`)
      return
    }
    const { problems, ...settings } = readResolvConf(text)
    for (const problem of problems) this.#report(problem)
    this.#settings = settings
  }

  #report(problem: string): void {
    if (this.#reported.has(problem) || this.#reported.size === mostReported) return
    this.#reported.add(problem)
    this.#log.warn(`dns: ${this.#path}: ${problem}`)
  }
}
