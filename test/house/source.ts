/** The project's own source files, read and parsed once for all house rules. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'

/** What the parser gives back for one file. */
export type Syntax = ReturnType<typeof parseSync>

/** One TypeScript file. */
export interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly syntax: Syntax
}

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

const notOurs = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache'])

/** Paths of all files of the project, built ones and dependencies left out. */
export function projectFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (notOurs.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return projectFiles(path)
    return entry.isFile() ? [relative(root, path).split(sep).join('/')] : []
  })
}

/** A file of the project as text. */
export function projectText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Parses one file. @throws Error naming the file where it is no TypeScript */
export function sourceOf(path: string, text: string): Source {
  const syntax = parseSync(path, text)
  const error = syntax.errors[0]
  if (error !== undefined) throw new Error(`${path}: ${error.message}`)
  return { path, text, syntax }
}

/** All TypeScript files of the project, or those below some folders. */
export function projectSources(...folders: string[]): Source[] {
  return projectFiles()
    .filter((path) => path.endsWith('.ts') && (folders.length === 0 || folders.some((folder) => path.startsWith(folder))))
    .map((path) => sourceOf(path, projectText(path)))
}
