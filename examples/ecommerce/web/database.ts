/** Opens the SQLite file in which a service keeps its data; all instances of a service open the same one. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setting } from './settings.ts'

// An instance that writes holds the lock for well under a millisecond; ten seconds cover a machine that stalls while all instances start.
const lockWaitMs = 10_000
// SQLITE_BUSY, of https://sqlite.org/rescode.html
const sqliteBusy = 5
const pauseMs = 5

/** The database of a service, with its tables made by `schema`. */
export function openDatabase(service: string, schema: string): DatabaseSync {
  const database = new DatabaseSync(join(setting('SHOP_DATA'), `${service}.db`), { timeout: lockWaitMs })
  writeAhead(database)
  database.exec('PRAGMA synchronous = NORMAL;')
  transaction(database, () => database.exec(schema))
  return database
}

// The file remembers the mode: only the first instance changes it. To change it takes the whole file, for which SQLite does not wait as it
// does for a write lock: an instance that comes in that moment, or is that first one and not alone, is told at once that it is busy.
function writeAhead(database: DatabaseSync): void {
  const giveUpAt = performance.now() + lockWaitMs
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}

function isBusy(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === sqliteBusy
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
