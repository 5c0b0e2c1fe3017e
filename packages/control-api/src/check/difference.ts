/** What a change of a policy changes, field by field, in words. */
import { type FieldPath, formatPath } from '@zerohop/mesh-core/policy'

type Document = Readonly<Record<string, unknown>>

const mostSentences = 100
const longestValue = 80

/** One sentence for each field that differs; none where the documents say the same. */
export function differences(before: Document | null, after: Document | null): string[] {
  const was = leavesOf(before)
  const becomes = leavesOf(after)
  const sentences: string[] = []
  for (const path of new Set([...was.keys(), ...becomes.keys()])) {
    const from = was.get(path)
    const to = becomes.get(path)
    if (from === to) continue
    if (from === undefined) sentences.push(`${path}: ${to} is new`)
    else if (to === undefined) sentences.push(`${path}: ${from} goes away`)
    else sentences.push(`${path}: ${from} becomes ${to}`)
  }
  if (sentences.length <= mostSentences) return sentences
  return [...sentences.slice(0, mostSentences), `and ${sentences.length - mostSentences} fields more`]
}

/** Every field that holds a value, by its path, as text. */
function leavesOf(document: Document | null): Map<string, string> {
  const leaves = new Map<string, string>()
  collect(document ?? {}, [], leaves)
  leaves.delete('service')
  return leaves
}

function collect(value: unknown, path: FieldPath, leaves: Map<string, string>): void {
  const isNested = typeof value === 'object' && value !== null
  const inside = isNested ? Object.entries(value) : []
  if (inside.length === 0) {
    // The document itself is no field, however empty.
    if (path.length > 0) leaves.set(formatPath(path), shown(value))
    return
  }
  for (const [key, part] of inside) collect(part, [...path, Array.isArray(value) ? Number(key) : key], leaves)
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text
}
