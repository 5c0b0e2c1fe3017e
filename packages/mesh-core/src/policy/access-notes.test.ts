import { expect, test } from 'vitest'
import { accessNotes } from './access-notes.ts'
import { effectivePolicy } from './defaults.ts'
import type { PolicyDocument } from './schema.ts'

function notesOn(access: PolicyDocument['access']): string[] {
  return accessNotes(effectivePolicy('payment', null, { service: 'payment', access }).policy)
}

test('a refusal by name is no wall while plaintext is taken and let in', () => {
  const deny = [{ paths: ['/a'] }, { from: ['crawler'] }]
  expect(notesOn({ deny })).toEqual([
    'access.deny[1] names callers, and whoever calls in plaintext evades it as long as mtls is not strict',
  ])
  expect(notesOn({ deny, allow: [{ paths: ['/b'] }] })).toHaveLength(1)
  expect(notesOn({ deny, mtls: 'strict' })).toEqual([])
  expect(notesOn({ deny, allow: [{ from: ['*'] }] })).toEqual([])
})

test('a trial is no wall at all', () => {
  expect(notesOn({ mtls: 'strict', default: 'deny', dryRun: true })).toEqual([
    'access is tried only: what its rules would refuse is counted and let in',
  ])
  expect(notesOn({ mtls: 'strict', dryRun: true })).toEqual([])
})
