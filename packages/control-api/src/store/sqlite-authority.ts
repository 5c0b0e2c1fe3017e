/** A certificate authority in SQLite: certificates in the open, keys under their seal. */
import type { AuthorityStore, LeafName, StoredAuthority, StoredIssuer, StoredLeaf, StoredRoot } from './authority-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

type Row = Record<string, unknown>

const ofName = "serial = ? AND digest IN (?, '')"

/** Small and seldom written, but for its leaves: each is one row, one transaction. */
export class SqliteAuthority implements AuthorityStore {
  readonly #file: SqliteFile

  constructor(file: SqliteFile) {
    this.#file = file
  }

  load(): StoredAuthority | null {
    const { database } = this.#file
    const row = database.prepare('SELECT * FROM authority').get()
    if (row === undefined) return null
    return {
      trustDomain: String(row.trust_domain),
      seal: String(row.seal),
      renewBefore: Number(row.renew_before),
      phase: String(row.phase) as StoredAuthority['phase'],
      since: Number(row.since),
      laggards: JSON.parse(String(row.laggards)) as string[],
      roots: database.prepare('SELECT * FROM authority_roots ORDER BY number').all().map(rootOf),
    }
  }

  save({ trustDomain, seal, renewBefore, phase, since, laggards, roots }: StoredAuthority, saved?: () => void): void {
    const { database } = this.#file
    this.#file.transaction(() => {
      database
        .prepare('REPLACE INTO authority (one, trust_domain, seal, renew_before, phase, since, laggards) VALUES (1, ?, ?, ?, ?, ?, ?)')
        .run(trustDomain, seal, renewBefore, phase, since, JSON.stringify(laggards))
      database.exec('DELETE FROM authority_roots')
      const insert = database.prepare(
        `INSERT INTO authority_roots (number, certificate, key, link, intermediate, intermediate_key, is_retired) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      for (const { number, certificate, key, link, intermediate, isRetired } of roots) {
        insert.run(number, certificate, key, link, intermediate?.certificate ?? null, intermediate?.key ?? null, Number(isRetired))
      }
      if (saved !== undefined) this.#file.afterCommit(saved)
    })
  }

  addLeaf(leaf: StoredLeaf, now: number, replaces?: Pick<StoredLeaf, 'serial' | 'digest' | 'until'>): void {
    const { database } = this.#file
    const { serial, digest, root, until, notAfter, token } = leaf
    this.#file.transaction(() => {
      database.prepare('DELETE FROM leaves WHERE not_after <= ?').run(now)
      if (replaces !== undefined) {
        const end = database.prepare(`UPDATE leaves SET until = min(until, ?) WHERE ${ofName}`)
        end.run(replaces.until, replaces.serial, replaces.digest)
      }
      const insert = database.prepare('INSERT INTO leaves (serial, digest, root, until, not_after, token) VALUES (?, ?, ?, ?, ?, ?)')
      insert.run(serial, digest, root, until, notAfter, token)
    })
  }

  countLeaves(now: number): number {
    return Number(this.#file.database.prepare('SELECT count(*) AS n FROM leaves WHERE until > ?').get(now)?.n)
  }

  lastUse(root: number): number {
    return Number(this.#file.database.prepare('SELECT max(until) AS last FROM leaves WHERE root <= ?').get(root)?.last ?? 0)
  }

  lineOf({ serial, digest }: LeafName): string {
    return String(this.#file.database.prepare(`SELECT token FROM leaves WHERE ${ofName}`).get(serial, digest)?.token ?? '')
  }

  lineEnds(now: number): ReadonlyMap<string, number> {
    const lines = this.#file.database.prepare(`SELECT token, max(not_after) AS last FROM leaves WHERE token > '' GROUP BY token`).all()
    return new Map(lines.map(({ token, last }) => [String(token), Number(last)] as const).filter(([, last]) => last > now))
  }
}

function rootOf(row: Row): StoredRoot {
  return {
    number: Number(row.number),
    certificate: String(row.certificate),
    key: textOrNull(row.key),
    link: textOrNull(row.link),
    intermediate: intermediateOf(row),
    isRetired: row.is_retired === 1,
  }
}

function intermediateOf({ intermediate, intermediate_key: key }: Row): StoredIssuer | null {
  return intermediate === null ? null : { certificate: String(intermediate), key: String(key) }
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : String(value)
}
