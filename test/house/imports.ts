/** Every way in which a file names another: imports, re-exports, dynamic imports and types taken from a module. */
import { posix } from 'node:path'
import type { Source } from './source.ts'
import { type SyntaxNode, walk } from './syntax-walk.ts'

/** One import; those of types count like any other. */
export interface Import {
  readonly specifier: string
  /** The imported file from the root of the repository; null where the specifier names a package. */
  readonly path: string | null
  readonly line: number
}

/** All imports of a file in their order. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  walk(source.syntax, (node) => {
    const literal = importedBy(node)
    if (literal === null) return
    const specifier = String(literal.value)
    const relative = specifier.startsWith('.')
    const path = relative ? posix.normalize(posix.join(posix.dirname(source.path), specifier)) : null
    found.push({ specifier, path, line: lineAt(source.text, node.start) })
  })
  return found
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** `undici` of `undici/lib/x.js`, `@scope/name` of `@scope/name/sub`. */
export function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string)
}

function importedBy(node: SyntaxNode): SyntaxNode | null {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ImportExpression':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
    case 'TSImportType': {
      const literal = node.source as SyntaxNode | null
      return literal?.type === 'Literal' ? literal : null
    }
    default:
      return null
  }
}
