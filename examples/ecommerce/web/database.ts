/** Opens the SQLite file in which a service keeps its data; all instances of a service open the same one. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setting } from './settings.ts'

// An instance that writes holds the lock for well under a millisecond; a second covers a machine that stalls.
const lockWaitMs = 1000

/** The database of a service, with its tables made by `schema`. */
export function openDatabase(service: string, schema: string): DatabaseSync {
  const database = new DatabaseSync(join(setting('SHOP_DATA'), `${service}.db`), { timeout: lockWaitMs })
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
  database.exec(schema)
  return database
}

/** Runs `work` as one transaction that may write. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  // IMMEDIATE takes the write lock at the start: a transaction that begins by reading could not wait for it later.
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
