/** All stores in one data directory. */
import type { Clock } from '../clock.ts'
import { HighWater } from './high-water.ts'
import { SqliteAudit } from './sqlite-audit.ts'
import { SqliteAuthority } from './sqlite-authority.ts'
import { SqliteFile } from './sqlite-file.ts'
import { SqliteLeases } from './sqlite-leases.ts'
import { SqliteMarks } from './sqlite-marks.ts'
import { SqlitePolicies } from './sqlite-policies.ts'
import { SqliteTokens } from './sqlite-tokens.ts'
import type { Stores } from './stores.ts'

/**
 * Opens the stores, making the directory (mode 0700) and the file (0600) where there are none.
 * @throws Error where another process has them open, where the file is damaged, of another program or of a newer one
 */
export function openSqliteStores(directory: string, clock: Clock): Stores {
  const file = SqliteFile.open(directory, clock.now())
  try {
    const policies = new SqlitePolicies(file, new HighWater(directory), clock)
    let isOpen = true
    return {
      policies,
      leases: new SqliteLeases(file),
      tokens: new SqliteTokens(file),
      audit: new SqliteAudit(file),
      marks: new SqliteMarks(file),
      authority: new SqliteAuthority(file),
      atomically: (write) => file.transaction(write),
      close: () => {
        if (!isOpen) return
        isOpen = false
        policies.close()
        file.close()
      },
    }
  } catch (error) {
    file.close()
    throw error
  }
}
