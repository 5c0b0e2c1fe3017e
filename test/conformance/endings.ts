/** Compares how calls ended with how they should have. */
import type { VerdictName } from '@zerohop/mesh-core'
import { expect } from 'vitest'
import type { Ending, Tally, Word } from './case.ts'
import type { PlacedCall } from './placed-call.ts'
import type { Seen } from './seen.ts'
import type { Stage } from './stage.ts'

const words: readonly VerdictName[] = ['ok', 'rejected', 'throttled', 'unavailable', 'fault']

/** Asserts that `call` of `stage`, which has ended, did so as it should have. */
export function expectEnding(call: PlacedCall, ending: Ending, { wire, slackMs }: Stage): void {
  const seen = call.seen as Seen
  const why = `: ${describe(seen)}`
  const isAnswer = words.includes(ending.verdict)
  const gets = ending.gets ?? (isAnswer ? 'answer' : 'error')
  expect(seen.gets, `what the caller gets${why}`).toBe(gets)
  const word = ending.answer ?? (isAnswer ? (ending.verdict as Word) : undefined)
  if (ending.status !== undefined) expect(seen.status, `the status${why}`).toBe(ending.status)
  else if (word !== undefined) expect(seen.status, `the status${why}`).toBe(wire.statusOf({ word, status: '' }))
  if (gets !== 'answer') expect(seen.verdict, `the error's verdict${why}`).toBe(ending.verdict)
  if (ending.code !== undefined) expect(seen.code, `the error's code${why}`).toBe(ending.code)
  if (ending.attempts !== undefined) expect(seen.attempts, `attempts that the error lists${why}`).toBe(ending.attempts)
  if (ending.pieces !== undefined) expect(seen.pieces, `pieces of the body${why}`).toBe(ending.pieces)
  if (ending.within !== undefined) {
    const [least, most] = ending.within
    // A timer of the runtime may fire a fraction of a millisecond before the clock says so.
    expect(seen.tookMs, `time${why}`).toBeGreaterThanOrEqual(least - call.lateMs - (slackMs > 0 ? 2 : 0))
    expect(seen.tookMs, `time${why}`).toBeLessThanOrEqual(most + slackMs)
  }
  const ours = [...seen.headers.keys()].filter((name) => name.startsWith('zerohop-'))
  expect(ours, 'headers of the mesh that its user can see').toEqual([])
}

/** What a call counts as, as its caller can tell. */
export function verdictOf(seen: Seen): VerdictName {
  if (seen.verdict === '') throw new Error(`neither an answer nor an error of the mesh: ${describe(seen)}`)
  return seen.verdict
}

/** Counts endings by verdict and by code. */
export function expectTally(seen: readonly Seen[], tally: Tally): void {
  const counts: Record<string, number> = {}
  for (const one of seen) for (const key of new Set([verdictOf(one), one.code])) if (key !== '') counts[key] = (counts[key] ?? 0) + 1
  const shown = JSON.stringify(counts)
  for (const [key, wanted] of Object.entries(tally)) {
    const [least, most] = typeof wanted === 'number' ? [wanted, wanted] : wanted
    expect(counts[key] ?? 0, `${key} of ${shown}`).toBeGreaterThanOrEqual(least)
    expect(counts[key] ?? 0, `${key} of ${shown}`).toBeLessThanOrEqual(most)
  }
}

function describe({ gets, status, verdict, tookMs, error }: Seen): string {
  const cause = (error as { cause?: unknown } | null)?.cause
  return `${gets} ${status} ${verdict} after ${Math.round(tookMs)} ms${error === null ? '' : ` (${String(cause ?? error)})`}`
}
