/** Turns what a schema finds wrong into sentences with the path of the field and a hint where a word was mistyped. */
import { z } from 'zod'
import { didYouMean, hintFor } from './did-you-mean.ts'
import { shown } from './units.ts'

/** The way from a value's root to a field. */
export type FieldPath = readonly PropertyKey[]

/** One thing wrong with a value. */
export interface Complaint {
  readonly path: FieldPath
  /** True where the key itself is wrong, rather than its value. */
  readonly atKey: boolean
  /** What is wrong and what was expected, without path and position. */
  readonly text: string
}

/** A complaint about the value of a field. */
export function atValue(path: FieldPath, text: string): Complaint {
  return { path, atKey: false, text }
}

/** What came of checking a value against a schema. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly complaints: readonly Complaint[] }

/** No more than this is said about one text or value; one more than this is found, so that a reader can say that it is not all. */
export const mostComplaints = 100

/** Checks `value` against a schema and says what is wrong with it: all of it, up to `mostComplaints` kinds of fault. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): Checked<z.output<S>> {
  const result = schema.safeParse(value)
  if (result.success) return { ok: true, value: result.data }
  return {
    ok: false,
    complaints: result.error.issues.slice(0, mostComplaints + 1).flatMap((issue) => ofIssue(issue, [], { schema, value })),
  }
}

/** Writes a path as people do: `retry.on[1]`. */
export function formatPath(path: FieldPath): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else text += `${text === '' ? '' : '.'}${shortened(String(key))}`
  }
  return text
}

/** A complaint as a sentence: with the path of its field, where it is about one. */
export function complaintText({ path, text }: Complaint): string {
  return path.length === 0 ? text : `${formatPath(path)}: ${text}`
}

interface Subject {
  readonly schema: z.ZodType
  readonly value: unknown
}

function ofIssue(issue: z.core.$ZodIssue, above: FieldPath, subject: Subject): Complaint[] {
  const path = [...above, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(subject.schema, path)
      // Looking for the word that was meant costs time for every key, and a hostile text has a hundred thousand.
      return issue.keys.slice(0, mostComplaints + 1).map((key) => ({ path: [...path, key], atKey: true, text: unknownKey(key, known) }))
    }
    case 'invalid_key':
      return [{ path, atKey: true, text: issue.issues[0]?.message ?? issue.message }]
    case 'invalid_union': {
      const meant = issue.errors.find((branch) => branch.some(tells))
      if (meant !== undefined) return meant.flatMap((inner) => ofIssue(inner, path, subject))
      return [{ path, atKey: false, text: issue.message + found(subject.value, path) }]
    }
    case 'invalid_value': {
      const known = issue.values.map(String)
      const value = valueAt(subject.value, path)
      const hint = typeof value === 'string' ? didYouMean(value, known) : ''
      return [
        {
          path,
          atKey: false,
          text: `expected ${known.length === 1 ? '' : 'one of '}${known.join(', ')}${found(subject.value, path)}${hint}`,
        },
      ]
    }
    case 'invalid_type': {
      const value = valueAt(subject.value, path)
      const quotes = issue.expected === 'string' && ['number', 'boolean'].includes(typeof value) ? '; put it in quotes' : ''
      return [{ path, atKey: false, text: (kinds[issue.expected] ?? issue.message) + found(subject.value, path) + quotes }]
    }
    case 'custom':
      return [{ path, atKey: false, text: issue.message }]
    default: {
      const isList = Array.isArray(valueAt(subject.value, path))
      return [{ path, atKey: false, text: isList ? issue.message : issue.message + found(subject.value, path) }]
    }
  }
}

const kinds: Readonly<Record<string, string>> = {
  object: 'expected a map of fields',
  record: 'expected a map of fields',
  array: 'expected a list',
  string: 'expected a text',
  boolean: 'expected true or false',
}

/** True for an issue from within the branch that the writer meant, as against one that only says that another branch was. */
function tells(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 || !['invalid_type', 'invalid_value', 'invalid_union'].includes(issue.code)
}

function unknownKey(key: string, known: readonly string[]): string {
  return `unknown key \`${shortened(key)}\`${hintFor(key, known)}`
}

/** The keys that the schema knows at `path`; none where it takes any. */
function keysAt(schema: z.ZodType, path: FieldPath): string[] {
  let candidates: readonly z.ZodType[] = [schema]
  for (const key of path) candidates = candidates.flatMap(branches).flatMap((branch) => inside(branch, key))
  return candidates.flatMap(branches).flatMap((branch) => (branch instanceof z.ZodObject ? Object.keys(branch.shape) : []))
}

function branches(schema: z.ZodType): readonly z.ZodType[] {
  if (schema instanceof z.ZodOptional) return branches(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodPipe) return branches(schema.in as z.ZodType)
  if (schema instanceof z.ZodUnion) return (schema.options as readonly z.ZodType[]).flatMap(branches)
  return [schema]
}

function inside(schema: z.ZodType, key: PropertyKey): readonly z.ZodType[] {
  if (schema instanceof z.ZodObject) return Object.hasOwn(schema.shape, key) ? [schema.shape[key as string] as z.ZodType] : []
  if (schema instanceof z.ZodRecord) return [schema.valueType as z.ZodType]
  return schema instanceof z.ZodArray ? [schema.element as z.ZodType] : []
}

function found(value: unknown, path: FieldPath): string {
  const at = valueAt(value, path)
  if (at === undefined) return ', but it is missing'
  return at === null ? ', found nothing' : `, found ${shown(at)}`
}

function valueAt(value: unknown, path: FieldPath): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return at
}

const longestKey = 60

function shortened(key: string): string {
  const plain = key.replace(/\p{Cc}/gu, '?')
  return plain.length > longestKey ? `${plain.slice(0, longestKey)}...` : plain
}
