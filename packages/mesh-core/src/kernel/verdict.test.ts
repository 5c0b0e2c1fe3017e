/** Verdicts are distinct bits, and each has its name. */
import { expect, test } from 'vitest'
import { BROKEN, OK, UNREACHED, type Verdict, verdictIndex, verdictMask, verdictName, verdictNames, verdicts } from './verdict.ts'

test('every verdict is a bit of its own, found again by its position and by its name', () => {
  expect(verdictNames).toHaveLength(11)
  for (const [at, name] of verdictNames.entries()) {
    const verdict = verdicts[name]
    expect(verdict).toBe((2 ** at) as Verdict)
    expect(verdictIndex(verdict)).toBe(at)
    expect(verdictName(verdict)).toBe(name)
  }
})

test('a set of names is the union of their bits', () => {
  expect(verdictMask(['ok', 'unreached', 'broken', 'ok'])).toBe(OK | UNREACHED | BROKEN)
  expect(verdictMask([])).toBe(0)
})
