/** Every write of a person goes through here: it is durable together with its line in the audit, or not done at all. */
import { callerName } from '../access/caller.ts'
import type { Clock } from '../clock.ts'
import type { Count, Metrics } from '../observe/metrics.ts'
import type { AuditEntry } from '../store/audit-store.ts'
import type { Stores } from '../store/stores.ts'
import type { ApiRequest } from './operation.ts'
import { RequestProblem } from './problem.ts'

/** What writes need. */
export interface WritesParts {
  readonly stores: Stores
  readonly clock: Clock
  readonly metrics: Metrics
  /** Takes one JSON line for each write. */
  readonly log: (line: string) => void
}

/** What is said of a write in the audit, besides who and when. */
export type WriteAccount = Pick<AuditEntry, 'action' | 'subject' | 'forced' | 'revision'>

/** Does writes, one after the other. */
export class Writes {
  readonly #parts: WritesParts
  readonly #count: Count
  #line: Promise<unknown> = Promise.resolve()
  #failedAt: number | null = null

  constructor(parts: WritesParts) {
    this.#parts = parts
    this.#count = parts.metrics.counter('zerohop_control_writes_total', 'Writes by people and their programs.', ['action'])
  }

  /** When the disk refused the last write; null where it did not. */
  get failedAt(): number | null {
    return this.#failedAt
  }

  /** Runs `work` when all that stood in line before it is done: what it finds does not change under its hands. */
  inLine<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#line.then(work)
    this.#line = turn.catch(() => {})
    return turn
  }

  /**
   * Does a write and accounts for it.
   * @throws RequestProblem `store_failed` where the disk does not take it, and what `write` throws
   */
  perform<T>(request: Pick<ApiRequest, 'caller' | 'remote'>, write: () => { readonly account: WriteAccount; readonly result: T }): T {
    const { stores, clock, log } = this.#parts
    const [entry, result] = this.#kept(() =>
      stores.atomically(() => {
        const { account, result } = write()
        const by = request.caller === null ? 'nobody' : callerName(request.caller)
        const entry: AuditEntry = { at: clock.now(), by, remote: request.remote, ...account }
        stores.audit.record(entry)
        return [entry, result] as const
      }),
    )
    this.#count.add({ action: entry.action })
    log(JSON.stringify({ level: 'audit', ...entry, at: new Date(entry.at).toISOString() }))
    return result
  }

  #kept<T>(write: () => T): T {
    try {
      const result = write()
      this.#failedAt = null
      return result
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error
      this.#failedAt = this.#parts.clock.now()
      this.#parts.log(JSON.stringify({ level: 'error', error: `a write could not be stored: ${(error as Error).message}` }))
      const message = 'The write could not be stored, and nothing was changed: the disk is full or does not answer.'
      throw new RequestProblem(503, 'store_failed', { message })
    }
  }
}
