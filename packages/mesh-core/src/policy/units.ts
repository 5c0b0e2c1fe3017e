/** How a policy writes durations, shares and counts, and what they become. */
import { z } from 'zod'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/
// A day: longer than any call should take, short enough that a slip of the unit is caught.
const longestMs = 86_400_000
const longestShown = 60

/** Reads `250ms`, `5s`, `1.5m`, `1h` or a number of milliseconds; null where it is none. */
export function parseDuration(value: string | number): number | null {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : null
  const match = durationPattern.exec(value.trim())
  if (match === null) return null
  return Number(match[1]) * (unitMs[match[2] as string] as number)
}

/** Writes milliseconds as a policy would: in the largest unit that keeps the number whole. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's']) {
    const size = unitMs[unit] as number
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}

/** A value as a problem shows it: short, on one line, whatever it holds. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > longestShown ? `${value.slice(0, longestShown)}...` : value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a map of fields'
  if (typeof value === 'function') return 'a function'
  return String(value)
}

/** A duration of at least `leastMs`, as milliseconds. */
export function duration(leastMs = 1) {
  const text = z.string().meta({ pattern: durationPattern.source, examples: ['250ms', '5s'] })
  const number = z.number().meta({ description: 'Milliseconds', minimum: leastMs, maximum: longestMs })
  return z.union([text, number], { error: 'expected a duration such as "250ms" or "5s"' }).transform((value, context) => {
    const ms = parseDuration(value)
    if (ms !== null && ms >= leastMs && ms <= longestMs) return ms
    const message =
      ms === null
        ? `${shown(value)} is no duration; write a number and a unit, such as "250ms", "5s", "1m"`
        : `${shown(value)} is out of range; a duration here is at least ${leastMs} ms and at most 24 h`
    context.addIssue({ code: 'custom', message, input: value })
    return z.NEVER
  })
}

/** A share from 0 to 1. */
export function share() {
  return amount(0, 1)
}

/** A number from `least` to `most`. */
export function amount(least: number, most: number) {
  const expected = `expected a number from ${least} to ${most}`
  return z.number(expected).min(least, expected).max(most, expected)
}

/** A number above 0 and at most `most`. */
export function positive(most: number) {
  const expected = `expected a number above 0 and at most ${most}`
  return z.number(expected).positive(expected).max(most, expected)
}

/** A whole number from `least` to `most`. */
export function count(least: number, most = 1_000_000) {
  const expected = `expected a whole number from ${least} to ${most}`
  return z.number(expected).int(expected).min(least, expected).max(most, expected)
}
