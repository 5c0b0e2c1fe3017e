/** The tables of the store, and every step by which an older file becomes the present one. */
import type { DatabaseSync } from 'node:sqlite'

/** "zhop": how a file is known for one of ours before anything in it is believed. */
const applicationId = 0x7a686f70

/** Step n makes version n+1 of version n. A step that was published is never changed. */
const steps: readonly string[] = [
  `CREATE TABLE identity (epoch TEXT NOT NULL) STRICT;
   CREATE TABLE revisions (
     revision INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, action TEXT NOT NULL, forced INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE changes (
     revision INTEGER NOT NULL REFERENCES revisions, service TEXT NOT NULL, document TEXT, UNIQUE (service, revision)
   ) STRICT;
   CREATE INDEX changes_by_revision ON changes (revision);
   CREATE TABLE leases (
     service TEXT NOT NULL, instance TEXT NOT NULL, endpoint TEXT NOT NULL, healthy INTEGER NOT NULL, renewed_at INTEGER NOT NULL,
     PRIMARY KEY (service, instance)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY, hash TEXT NOT NULL, service TEXT, name TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL
   ) STRICT;
   CREATE TABLE audit (
     number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, by TEXT NOT NULL, remote TEXT NOT NULL, action TEXT NOT NULL,
     subject TEXT NOT NULL, revision INTEGER, forced INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;`,
  `ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
   ALTER TABLE tokens ADD COLUMN single_use INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE tokens ADD COLUMN spent TEXT;
   ALTER TABLE tokens ADD COLUMN revoked_at INTEGER;`,
  `CREATE TABLE authority (
     one INTEGER PRIMARY KEY CHECK (one = 1), trust_domain TEXT NOT NULL, seal TEXT NOT NULL, renew_before INTEGER NOT NULL,
     phase TEXT NOT NULL, since INTEGER NOT NULL, laggards TEXT NOT NULL
   ) STRICT;
   CREATE TABLE authority_roots (
     number INTEGER PRIMARY KEY, certificate TEXT NOT NULL, key TEXT, link TEXT, intermediate TEXT, intermediate_key TEXT,
     is_retired INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE leaves (serial TEXT PRIMARY KEY, root INTEGER NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX leaves_by_end ON leaves (until);
   CREATE INDEX leaves_by_root ON leaves (root, until);`,
  // The conditions under which the audit looks for its oldest entries, word for word.
  `CREATE INDEX audit_of_services ON audit (number) WHERE action IN ('identity.issue', 'identity.refuse');
   CREATE INDEX audit_of_people ON audit (number) WHERE NOT action IN ('identity.issue', 'identity.refuse');`,
  // With how the line of an older leaf began nobody kept its own end either: for one that was replaced it is later than this.
  `ALTER TABLE leaves ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE leaves ADD COLUMN token TEXT NOT NULL DEFAULT '';
   UPDATE leaves SET not_after = until;
   CREATE INDEX leaves_by_expiry ON leaves (not_after);
   CREATE INDEX leaves_by_line ON leaves (token, not_after);`,
  `ALTER TABLE leaves ADD COLUMN digest TEXT NOT NULL DEFAULT '';`,
  // The same conditions with another action in them; the oldest line that is looked for is that of one caller.
  `DROP INDEX audit_of_services;
   DROP INDEX audit_of_people;
   CREATE INDEX audit_of_services ON audit (by, number) WHERE action IN ('identity.issue', 'identity.refuse', 'token.refuse');
   CREATE INDEX audit_of_people ON audit (number) WHERE NOT action IN ('identity.issue', 'identity.refuse', 'token.refuse');`,
]

/** The version that this program reads and writes. */
export const newestVersion = steps.length

/**
 * Brings the tables to the newest version, all steps in one transaction.
 * @throws Error where the file is somebody else's, or of a newer program
 */
export function migrate(database: DatabaseSync, now: number): void {
  const id = pragma(database, 'application_id')
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n)
  if (id !== applicationId && tables > 0) throw new Error('it is a database of another program')
  const version = tables === 0 ? 0 : Number(database.prepare('SELECT max(version) AS n FROM schema_version').get()?.n)
  if (version > newestVersion) {
    throw new Error(`it was written by a newer control API (its tables have version ${version}, this program knows ${newestVersion})`)
  }
  if (version === newestVersion) return
  database.exec('BEGIN IMMEDIATE')
  database.exec(`PRAGMA application_id = ${applicationId}`)
  database.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT')
  const note = database.prepare('INSERT INTO schema_version (version, at) VALUES (?, ?)')
  for (const [index, step] of steps.entries()) {
    if (index < version) continue
    database.exec(step)
    note.run(index + 1, now)
  }
  database.exec('COMMIT')
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}
