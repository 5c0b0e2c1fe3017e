/** The one file in which the control API keeps what it knows: opened by one process at a time, checked, and written in whole transactions. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { migrate } from './migrations.ts'

/** What a data directory's files are called. */
export const fileNames = { database: 'control.db', lock: 'control.lock', highWater: 'control.high-water' } as const

/** An open database file. */
export class SqliteFile {
  readonly database: DatabaseSync
  readonly #lock: DatabaseSync
  #isInside = false
  #afterwards: (() => void)[] = []

  private constructor(database: DatabaseSync, lock: DatabaseSync) {
    this.database = database
    this.#lock = lock
  }

  /** @throws Error where the directory or the file cannot be used: one sentence with the path and the reason */
  static open(directory: string, now: number): SqliteFile {
    const path = join(directory, fileNames.database)
    let lock: DatabaseSync | null = null
    let database: DatabaseSync | null = null
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      lock = locked(join(directory, fileNames.lock))
      database = new DatabaseSync(path)
      chmodSync(path, 0o600)
      // FULL: a commit is on the disk when it returns, not merely on its way there.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF')
      const [finding] = database.prepare('PRAGMA integrity_check(1)').all()
      const verdict = String(finding?.integrity_check)
      if (verdict !== 'ok') throw new Error(`the file is damaged: ${verdict.slice(0, 200)}`)
      migrate(database, now)
      return new SqliteFile(database, lock)
    } catch (error) {
      database?.close()
      lock?.close()
      throw new Error(`The data in ${directory} cannot be used: ${(error as Error).message}.`, { cause: error })
    }
  }

  /** Runs `write` in one transaction, or in the one that is already under way. */
  transaction<T>(write: () => T): T {
    if (this.#isInside) return write()
    this.database.exec('BEGIN IMMEDIATE')
    this.#isInside = true
    let result: T
    try {
      result = write()
      this.database.exec('COMMIT')
    } catch (error) {
      this.#afterwards = []
      // A full disk may have ended the transaction already.
      if (this.database.isTransaction) this.database.exec('ROLLBACK')
      throw error
    } finally {
      this.#isInside = false
    }
    const afterwards = this.#afterwards
    this.#afterwards = []
    this.#follow(afterwards)
    return result
  }

  // Each of them, whatever another one throws: what is in memory must say what is on the disk.
  #follow([next, ...others]: readonly (() => void)[]): void {
    try {
      next?.()
    } finally {
      if (others.length > 0) this.#follow(others)
    }
  }

  /** Within a transaction: runs `act` once it is durable, and not at all where it fails. */
  afterCommit(act: () => void): void {
    this.#afterwards.push(act)
  }

  close(): void {
    if (!this.database.isOpen) return
    this.database.close()
    this.#lock.close()
  }
}

/**
 * A lock of its own, rather than an exclusive lock on the data, so that a backup can be taken of a running control API.
 * The operating system takes it back when the process ends, however it ends.
 */
function locked(path: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: 0 })
  try {
    chmodSync(path, 0o600)
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    const isBusy = (error as { errcode?: number }).errcode === 5
    throw isBusy ? new Error('another control API is running on it', { cause: error }) : error
  }
}
