/** Reads the fields of a JSON body, and names the one that is wrong. */
import { Problem } from './problem.ts'

// What users, orders and articles are called in this shop; anything else never reaches a store or another service.
const namePattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/

/** Returns `value` where it is a name as this shop gives them. @throws Problem 400 that names the field */
export function checkedName(value: unknown, field: string): string {
  if (typeof value === 'string' && namePattern.test(value)) return value
  throw new Problem(400, `the field \`${field}\` must be 1 to 64 letters, digits or "-"`)
}

/** One JSON object of a request. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>

  /** @throws Problem 400 where `value` is no object */
  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem(400, 'the body must be a JSON object')
    this.#object = value as Record<string, unknown>
  }

  /** @throws Problem 400 that names the field */
  name(field: string): string {
    return checkedName(this.#object[field], field)
  }

  /** A whole number from 0 to `most`. @throws Problem 400 that names the field */
  count(field: string, most: number): number {
    const value = this.#object[field]
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value
    throw new Problem(400, `the field \`${field}\` must be a whole number from 0 to ${most}`)
  }

  /** @throws Problem 400 that names the field */
  flag(field: string): boolean {
    const value = this.#object[field]
    if (typeof value === 'boolean') return value
    throw new Problem(400, `the field \`${field}\` must be true or false`)
  }

  /** One to `most` entries. @throws Problem 400 that names the field */
  list(field: string, most: number): readonly unknown[] {
    const value = this.#object[field]
    if (Array.isArray(value) && value.length > 0 && value.length <= most) return value
    throw new Problem(400, `the field \`${field}\` must be a list of 1 to ${most} entries`)
  }
}
