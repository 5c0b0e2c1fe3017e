/** Leases in SQLite, a batch a transaction. */
import { endpointRecordSchema } from '@zerohop/mesh-core/policy'
import type { Lease, LeaseStore } from './lease-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** Leases as of the last batch. */
export class SqliteLeases implements LeaseStore {
  readonly #file: SqliteFile

  constructor(file: SqliteFile) {
    this.#file = file
  }

  load(): readonly Lease[] {
    const rows = this.#file.database.prepare('SELECT * FROM leases ORDER BY service, instance').all()
    return rows.map((row) => ({
      service: String(row.service),
      instance: String(row.instance),
      endpoint: endpointRecordSchema.parse(JSON.parse(String(row.endpoint))),
      healthy: row.healthy === 1,
      renewedAt: Number(row.renewed_at),
    }))
  }

  save({ put, drop }: Parameters<LeaseStore['save']>[0]): void {
    if (put.length === 0 && drop.length === 0) return
    const { database } = this.#file
    this.#file.transaction(() => {
      const remove = database.prepare('DELETE FROM leases WHERE service = ? AND instance = ?')
      for (const { service, instance } of drop) remove.run(service, instance)
      const upsert = database.prepare(
        'INSERT OR REPLACE INTO leases (service, instance, endpoint, healthy, renewed_at) VALUES (?, ?, ?, ?, ?)',
      )
      for (const { service, instance, endpoint, healthy, renewedAt } of put) {
        upsert.run(service, instance, JSON.stringify(endpoint), Number(healthy), Math.trunc(renewedAt))
      }
    })
  }
}
