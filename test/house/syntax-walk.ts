/** Visits every node of a parsed file. */
import type { Syntax } from './source.ts'

/** A node as the parser writes it: a type, a place, and children under any name. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [child: string]: unknown
}

/** Calls `visit` for every node, parents before their children. */
export function walk(syntax: Syntax, visit: (node: SyntaxNode) => void): void {
  const pending: unknown[] = [syntax.program]
  while (pending.length > 0) {
    const next = pending.pop()
    if (typeof next !== 'object' || next === null) continue
    if (isNode(next)) visit(next)
    pending.push(...Object.values(next).reverse())
  }
}

function isNode(value: object): value is SyntaxNode {
  return 'type' in value && typeof value.type === 'string' && 'start' in value
}
