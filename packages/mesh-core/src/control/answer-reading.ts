/** Reads what a control API answers: as JSON, and against the shape that it should have. */
import type { z } from 'zod'
import { checked, formatPath } from '../policy/complaints.ts'
import { ControlFailure } from './control-failure.ts'

/** @throws ControlFailure garbage */
export function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new ControlFailure('garbage', 'the answer is no JSON')
  }
}

/**
 * The value as a schema reads it.
 * @param at where in the answer it stands
 * @throws ControlFailure garbage with the path of the first field that is wrong
 */
export function checkedAs<S extends z.ZodType>(schema: S, value: unknown, at: readonly (string | number)[]): z.output<S> {
  const result = checked(schema, value)
  if (result.ok) return result.value
  const [first] = result.complaints
  throw new ControlFailure('garbage', `${formatPath([...at, ...(first?.path ?? [])])}: ${first?.text ?? 'cannot be read'}`)
}
