/** The rule against circles: following imports from a file never leads back to it. */
import { importsOf } from './imports.ts'
import type { Source } from './source.ts'

/** Each circle once, as the path that leads around it. */
export function circles(sources: readonly Source[]): string[] {
  const known = new Set(sources.map((source) => source.path))
  const next = new Map(sources.map((source) => [source.path, importedFiles(source, known)]))
  const done = new Set<string>()
  const path: string[] = []
  const found: string[] = []
  const visit = (file: string): void => {
    if (done.has(file)) return
    const from = path.indexOf(file)
    if (from >= 0) {
      found.push([...path.slice(from), file].join(' → '))
      return
    }
    path.push(file)
    for (const imported of next.get(file) ?? []) visit(imported)
    path.pop()
    done.add(file)
  }
  for (const file of known) visit(file)
  return found
}

function importedFiles(source: Source, known: ReadonlySet<string>): Set<string> {
  return new Set(importsOf(source).flatMap(({ path }) => (path !== null && known.has(path) ? [path] : [])))
}
