import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SqliteAudit } from './sqlite-audit.ts'
import { SqliteFile } from './sqlite-file.ts'

let directory = ''
let file: SqliteFile
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-audit-'))
  file = SqliteFile.open(directory, 0)
})
afterEach(() => {
  file.close()
  rmSync(directory, { recursive: true })
})

const entry = { at: 1, by: 'admin', remote: '10.0.0.1', action: 'policy.put', subject: '', revision: null, forced: false }
const subjects = (audit: SqliteAudit) => audit.list({ limit: 99 }).map(({ subject }) => subject)

test('of the writes of people the newest are kept, over a restart too', () => {
  const before = new SqliteAudit(file, 3)
  for (const subject of ['a', 'b', 'c', 'd']) before.record({ ...entry, subject })
  expect(subjects(before)).toEqual(['d', 'c', 'b'])
  const after = new SqliteAudit(file, 3)
  after.record({ ...entry, subject: 'e' })
  expect(subjects(after)).toEqual(['e', 'd', 'c'])
})

test('however often services ask for certificates, what people did stays', () => {
  const audit = new SqliteAudit(file, 3)
  audit.record({ ...entry, subject: 'kept' })
  for (let at = 0; at < 9; at++) {
    audit.record({ ...entry, action: 'identity.issue', subject: `issued ${at}` })
    audit.record({ ...entry, action: 'identity.refuse', subject: `refused ${at}` })
    audit.record({ ...entry, action: 'token.refuse', subject: `void ${at}` })
  }
  expect(subjects(audit)).toEqual(['void 8', 'refused 8', 'issued 8', 'kept'])
})

test('one service that asks without end pushes out its own lines, and nothing of the others, over a restart too', () => {
  const asks = (audit: SqliteAudit, by: string, subject: string) => audit.record({ ...entry, action: 'identity.issue', by, subject })
  const before = new SqliteAudit(file, 6)
  for (const subject of ['c1', 'c2']) asks(before, 'cart', subject)
  asks(before, 'user', 'u1')
  for (let at = 0; at < 50; at++) asks(before, 'wild', `w${at}`)
  expect(subjects(before)).toEqual(['w49', 'w48', 'w47', 'u1', 'c2', 'c1'])
  const after = new SqliteAudit(file, 6)
  asks(after, 'cart', 'c3')
  asks(after, 'user', 'u2')
  for (let at = 50; at < 99; at++) asks(after, 'wild', `w${at}`)
  expect(subjects(after).filter((subject) => !subject.startsWith('w'))).toEqual(['u2', 'c3', 'u1', 'c2'])
})

test('a record that is taken back with its transaction takes no other with it', () => {
  const audit = new SqliteAudit(file, 2)
  for (const subject of ['a', 'b']) audit.record({ ...entry, subject })
  const failing = () =>
    file.transaction(() => {
      audit.record({ ...entry, subject: 'c' })
      throw new Error('the write failed')
    })
  expect(failing).toThrow('the write failed')
  expect(subjects(audit)).toEqual(['b', 'a'])
  file.transaction(() => {
    for (const subject of ['d', 'e']) audit.record({ ...entry, subject })
  })
  expect(subjects(audit)).toEqual(['e', 'd'])
})
