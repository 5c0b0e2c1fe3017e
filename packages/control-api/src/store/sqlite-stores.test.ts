import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HighWater } from './high-water.ts'
import { fileNames, SqliteFile } from './sqlite-file.ts'
import { SqlitePolicies } from './sqlite-policies.ts'
import { openSqliteStores } from './sqlite-stores.ts'
import type { Stores } from './stores.ts'

const clock = { now: () => 1000, setTimer: () => ({ cancel: () => {} }) }
const note = { by: 'admin', action: 'put', forced: false }
let directory = ''
const opened: Stores[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-store-'))
})
afterEach(() => {
  for (const stores of opened.splice(0)) stores.close()
  rmSync(directory, { recursive: true })
})

function open(): Stores {
  const stores = openSqliteStores(directory, clock)
  opened.push(stores)
  return stores
}

function close(): void {
  for (const stores of opened.splice(0)) stores.close()
}

const file = (name: keyof typeof fileNames) => join(directory, fileNames[name])

test('nobody else on the machine may read the directory and what lies in it', () => {
  open().policies.write([{ service: 'a', document: {} }], note)
  const modes = [directory, file('database'), `${file('database')}-wal`, file('highWater'), file('lock')].map(
    (path) => statSync(path).mode & 0o777,
  )
  expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '600', '600', '600', '600'])
})

test('a directory that is there already keeps its mode: it may hold more than the data', () => {
  chmodSync(directory, 0o755)
  open()
  expect([directory, file('database')].map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(['755', '600'])
})

test('a second control API on the same directory is refused, and comes in once the first is gone', () => {
  open()
  expect(() => open()).toThrow(`The data in ${directory} cannot be used: another control API is running on it.`)
  close()
  expect(open().policies.revision).toBe(0)
})

test('a file that is no database, a foreign one, a damaged one and a newer one are refused, each with its reason', () => {
  writeFileSync(file('database'), 'no database at all. '.repeat(500))
  expect(() => open()).toThrow(/cannot be used: file is not a database/)
  rmSync(file('database'))
  const foreign = new DatabaseSync(file('database'))
  foreign.exec('CREATE TABLE bookmarks (url TEXT)')
  foreign.close()
  expect(() => open()).toThrow(/it is a database of another program/)
  rmSync(file('database'))
  for (let at = 0; at < 50; at++) {
    const stores = opened[0] ?? open()
    stores.policies.write([{ service: `s${at}`, document: { note: 'x'.repeat(2000) } }], note)
  }
  close()
  const newer = new DatabaseSync(file('database'))
  newer.exec('INSERT INTO schema_version (version, at) VALUES (99, 0)')
  newer.close()
  expect(() => open()).toThrow(/written by a newer control API \(its tables have version 99/)
  const bytes = readFileSync(file('database'))
  bytes.fill(0xa5, 8192, 24_576)
  writeFileSync(file('database'), bytes)
  expect(() => open()).toThrow(/damaged|malformed/)
})

test('of leaves that were kept before lines were, everything is known but how theirs began', () => {
  open().authority.addLeaf({ serial: 'A', digest: 'of A', root: 1, until: 5000, notAfter: 5000, token: 'one' }, 0)
  close()
  const older = new DatabaseSync(file('database'))
  older.exec(`DROP INDEX leaves_by_expiry; DROP INDEX leaves_by_line; DELETE FROM schema_version WHERE version >= 5;
    ALTER TABLE leaves DROP COLUMN digest; ALTER TABLE leaves DROP COLUMN token; ALTER TABLE leaves DROP COLUMN not_after`)
  older.close()
  const { authority } = open()
  expect([authority.countLeaves(4999), authority.lineOf({ serial: 'A', digest: 'of A' }), authority.lineEnds(0).size]).toEqual([1, '', 0])
  authority.addLeaf({ serial: 'B', digest: 'of B', root: 1, until: 9000, notAfter: 9000, token: 'two' }, 5000)
  expect([authority.lastUse(1), authority.lineOf({ serial: 'B', digest: 'of B' })]).toEqual([9000, 'two'])
})

test('leaves that were kept before their digests were are known by their serial numbers', () => {
  open().authority.addLeaf({ serial: 'A', digest: 'of A', root: 1, until: 5000, notAfter: 5000, token: 'one' }, 0)
  close()
  const older = new DatabaseSync(file('database'))
  older.exec('DELETE FROM schema_version WHERE version >= 6; ALTER TABLE leaves DROP COLUMN digest')
  older.close()
  expect(open().authority.lineOf({ serial: 'A', digest: 'of A' })).toBe('one')
})

test('the epoch lasts as long as nothing is lost', () => {
  const { epoch } = open().policies
  close()
  const again = open().policies
  again.write([{ service: 'a', document: {} }], note)
  close()
  expect([again.epoch, open().policies.epoch]).toEqual([epoch, epoch])
})

test('a backup that is put back begins another epoch, even one without a revision less', () => {
  const first = open().policies
  first.write([{ service: 'a', document: {} }], note)
  close()
  copyFileSync(file('database'), join(directory, 'backup'))
  const second = open().policies
  second.write([{ service: 'a', document: { timeout: '1s' } }], note)
  close()
  copyFileSync(join(directory, 'backup'), file('database'))
  const restored = open().policies
  expect(restored.epoch).not.toBe(first.epoch)
  expect(restored.revision).toBe(1)
  close()
  rmSync(file('highWater'))
  expect(open().policies.epoch).not.toBe(restored.epoch)
})

test('a backup can be taken while it runs', () => {
  const { policies } = open()
  policies.write([{ service: 'a', document: {} }], note)
  const reader = new DatabaseSync(file('database'), { readOnly: true })
  expect(reader.prepare('SELECT count(*) AS n FROM revisions').get()).toEqual({ n: 1 })
  reader.close()
})

test('what is written together is there together or not at all', () => {
  const stores = open()
  const heard: unknown[] = []
  stores.policies.subscribe((services) => heard.push(services))
  const entry = { at: 1, by: 'admin', remote: '', action: 'policy.put', subject: 'a', revision: 1, forced: false }
  expect(() =>
    stores.atomically(() => {
      stores.policies.write([{ service: 'a', document: {} }], note)
      stores.audit.record(entry)
      throw new Error('no disk')
    }),
  ).toThrow('no disk')
  expect([stores.policies.revision, stores.policies.get('a'), stores.audit.list({ limit: 9 }), heard]).toEqual([0, null, [], []])
  stores.atomically(() => {
    stores.policies.write([{ service: 'a', document: {} }], note)
    stores.audit.record(entry)
  })
  close()
  const { policies, audit } = open()
  expect([policies.revision, audit.list({ limit: 9 })]).toEqual([1, [{ ...entry, number: 1 }]])
})

// Writes until it is killed, and says each revision once the store has returned it. It waits to be heard now and then, so as not to be done before it is killed.
const writer = `
  const { openSqliteStores } = await import(${JSON.stringify(new URL('./sqlite-stores.ts', import.meta.url).href)})
  const stores = openSqliteStores(process.argv[1], { now: Date.now, setTimer: () => ({ cancel() {} }) })
  const note = { by: 'admin', action: 'put', forced: false }
  console.log('open ' + stores.policies.epoch + ' ' + stores.policies.revision)
  for (let at = stores.policies.revision + 1; at <= 1000; at++) {
    const revision = stores.policies.write([{ service: 's' + (at % 7), document: { at } }], note)
    console.log(revision + ' ' + at)
    if (at % 10 === 0) await new Promise((resolve) => process.stdin.once('data', resolve))
  }
  console.log('done')
  process.stdin.destroy()
`

function startWriter(): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', writer, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
}

test('of 1,000 writes, SIGKILL at random moments loses none that was acknowledged, and no revision comes twice', async () => {
  let acknowledged = 0
  let deaths = 0
  const epochs = new Set<string>()
  for (let isDone = false; !isDone; ) {
    const child = startWriter()
    const exit = once(child, 'exit')
    // It may be dead before it has heard.
    child.stdin?.on('error', () => {})
    let left = 20 + Math.floor(Math.random() * 200)
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      const [first, second, third] = line.split(' ')
      if (first === 'open') {
        epochs.add(second as string)
        expect(Number(third)).toBeGreaterThanOrEqual(acknowledged)
        // What died may have written one more than it could say.
        expect(Number(third)).toBeLessThanOrEqual(acknowledged + 1)
        acknowledged = Number(third)
      } else if (first === 'done') isDone = true
      else {
        expect(Number(first)).toBe(Number(second))
        expect(Number(first)).toBeGreaterThan(acknowledged)
        acknowledged = Number(first)
        if (--left === 0) child.kill('SIGKILL')
        else if (acknowledged % 10 === 0) child.stdin?.write('on')
      }
    }
    const [, signal] = await exit
    if (signal === 'SIGKILL') deaths += 1
  }
  const { policies } = open()
  expect([deaths > 2, policies.revision, acknowledged]).toEqual([true, 1000, 1000])
  expect(policies.history({ limit: 1000 }).map(({ revision }) => revision)).toEqual(Array.from({ length: 1000 }, (_, at) => 1000 - at))
  expect([...policies.all()].map(({ document }) => document.at).sort()).toEqual([1000, 994, 995, 996, 997, 998, 999].sort())
  expect(epochs).toEqual(new Set([policies.epoch]))
}, 60_000)

test('a policy that is on the disk is in force, though the note beside the file cannot be written', () => {
  const sqlite = SqliteFile.open(directory, clock.now())
  const highWater = new HighWater(directory)
  const policies = new SqlitePolicies(sqlite, highWater, clock)
  const heard: string[] = []
  policies.subscribe((services) => heard.push(...services))
  highWater.close()
  expect(() => policies.write([{ service: 'a', document: {} }], note)).toThrow('EBADF')
  expect([policies.revision, heard]).toEqual([1, ['a']])
  expect(() => policies.write([{ service: 'b', document: {} }], note)).toThrow('EBADF')
  expect([policies.revision, heard]).toEqual([2, ['a', 'b']])
  sqlite.close()
})

test('what is to be done once a write is durable is done, whatever else of it fails', () => {
  const sqlite = SqliteFile.open(directory, clock.now())
  const done: string[] = []
  const write = (): void =>
    sqlite.transaction(() => {
      sqlite.afterCommit(() => {
        throw new Error('the first one fails')
      })
      sqlite.afterCommit(() => done.push('second'))
    })
  expect(write).toThrow('the first one fails')
  expect(done).toEqual(['second'])
  sqlite.close()
})
