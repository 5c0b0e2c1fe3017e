/** Copies a value from code into plain data, so that nothing in it can act: no getters, no classes, no circles, no prototype. */
import type { Complaint, FieldPath } from './complaints.ts'

/** Keys that mean something else than a field to JavaScript. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

const deepest = 32
const mostValues = 1_000_000

/** The copy, and what could not be copied. May throw what a getter or a proxy in `value` throws. */
export function plainData(value: unknown): { readonly value: unknown; readonly complaints: readonly Complaint[] } {
  const copying = new Copying()
  return { value: copying.copy(value, []), complaints: copying.complaints }
}

class Copying {
  readonly complaints: Complaint[] = []
  #left = mostValues

  copy(value: unknown, path: FieldPath): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (this.#left <= 0) return undefined
    if (--this.#left === 0) return this.#refuse(path, `there are more than ${mostValues} values`)
    if (path.length > deepest) return this.#refuse(path, `nested deeper than ${deepest} levels`)
    if (Array.isArray(value)) return value.map((item, index) => this.copy(item, [...path, index]))
    const fields: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      if (forbiddenKeys.has(key)) this.#refuse([...path, key], `key \`${key}\` is not allowed`)
      else fields[key] = this.copy((value as Record<string, unknown>)[key], [...path, key])
    }
    return fields
  }

  #refuse(path: FieldPath, text: string): undefined {
    this.complaints.push({ path, atKey: true, text })
    return undefined
  }
}
