/** The names that a published entry point offers, each traced to where it is declared. */
import { importsOf, lineAt } from './imports.ts'
import type { Source } from './source.ts'
import type { SyntaxNode } from './syntax-walk.ts'

/** One published name. */
export interface PublicName {
  readonly name: string
  /** True where it exists for the compiler alone. */
  readonly isType: boolean
  /** `path:line` of the declaration. */
  readonly at: string
  /** True where the declaration carries a doc comment. */
  readonly documented: boolean
}

/** Files by path, as the faces re-export from each other. */
export type Files = ReadonlyMap<string, Source>

/** All names that a file exports, in alphabetical order. @throws Error where a re-export leads nowhere */
export function publicNames(path: string, files: Files): PublicName[] {
  const found = new Map<string, PublicName>()
  for (const name of exportsOf(path, files)) found.set(name.name, name)
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function exportsOf(path: string, files: Files): PublicName[] {
  const source = files.get(path)
  if (source === undefined) throw new Error(`${path} is exported from a public face, but there is no such file`)
  return source.syntax.module.staticExports.flatMap(({ entries }) =>
    entries.flatMap((entry): PublicName[] => {
      const { exportName, importName, moduleRequest, isType } = entry
      if (moduleRequest === null) {
        const name = exportName.name ?? 'default'
        const local = entry.localName.name ?? name
        return [declared(source, { name, local, isType }) ?? imported(source, { name, local, isType }, files)]
      }
      const from = targetOf(source, moduleRequest.value)
      const there = exportsOf(from, files).map((one) => (isType ? { ...one, isType: true } : one))
      if (importName.kind === 'AllButDefault') return there
      return [{ ...pick(there, importName.name as string, from), name: exportName.name as string }]
    }),
  )
}

interface Wanted {
  readonly name: string
  readonly local: string
  readonly isType: boolean
}

function declared(source: Source, { name, local, isType }: Wanted): PublicName | null {
  for (const statement of source.syntax.program.body as unknown as SyntaxNode[]) {
    const declaration = (statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement) as SyntaxNode | null
    if (declaration === null || !declares(declaration, local)) continue
    const documented = source.syntax.comments.some(
      (comment) =>
        comment.type === 'Block' &&
        comment.value.startsWith('*') &&
        comment.end <= statement.start &&
        // The sentence that opens the file speaks of the file, unless nothing stands between it and the declaration.
        source.text.slice(comment.end, statement.start).trim() === '' &&
        comment.start !== openingAt(source.text),
    )
    const typeOnly = isType || declaration.type === 'TSInterfaceDeclaration' || declaration.type === 'TSTypeAliasDeclaration'
    return { name, isType: typeOnly, documented, at: `${source.path}:${lineAt(source.text, statement.start)}` }
  }
  return null
}

function imported(source: Source, { name, local, isType }: Wanted, files: Files): PublicName {
  for (const { moduleRequest, entries } of source.syntax.module.staticImports) {
    const entry = entries.find((one) => one.localName.value === local)
    if (entry === undefined) continue
    const from = targetOf(source, moduleRequest.value)
    const there = pick(exportsOf(from, files), entry.importName.name ?? local, from)
    return { ...there, name, isType: there.isType || isType || entry.isType }
  }
  throw new Error(`${source.path} exports ${local}, which it neither declares nor imports`)
}

function openingAt(text: string): number {
  return text.startsWith('#!') ? text.indexOf('\n') + 1 : 0
}

function declares(declaration: SyntaxNode, name: string): boolean {
  if (declaration.type === 'VariableDeclaration') {
    return (declaration.declarations as { id: { name?: string } }[]).some(({ id }) => id.name === name)
  }
  return (declaration.id as { name?: string } | null | undefined)?.name === name
}

function targetOf(source: Source, specifier: string): string {
  const target = importsOf(source).find((one) => one.specifier === specifier)?.path
  if (target === null || target === undefined) throw new Error(`${source.path} re-exports "${specifier}" of another package`)
  return target
}

function pick(names: readonly PublicName[], name: string, from: string): PublicName {
  const found = names.find((one) => one.name === name)
  if (found === undefined) throw new Error(`${from} does not export ${name}`)
  return found
}
