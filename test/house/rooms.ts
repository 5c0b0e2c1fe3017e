/** The rules of rooms: how large a file may be, how it opens, what it is called and which syntax it keeps out of. */
import { lineAt } from './imports.ts'
import type { Source } from './source.ts'
import { type SyntaxNode, walk } from './syntax-walk.ts'

const mostLines = 250
const mostParameters = 3
const emptyNames = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'shared', 'lib', 'base', 'manager', 'types'])
const fileName = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.ts$/
const folderName = /^\.?[a-z0-9]+(-[a-z0-9]+)*$/

/** Everything about one file that the house does not allow. */
export function roomProblems(source: Source): string[] {
  return [...sizeProblems(source), ...openingProblems(source), ...nameProblems(source.path), ...syntaxProblems(source)]
}

function sizeProblems({ path, text }: Source): string[] {
  const lines = text.trimEnd().split('\n').length
  return lines > mostLines ? [`${path}: ${lines} lines, at most ${mostLines}: the file holds two things`] : []
}

function openingProblems({ path, text }: Source): string[] {
  // A test says by its name what it tests, and in each case what about it.
  if (path.endsWith('.test.ts')) return []
  const first = text.replace(/^#!.*\n/, '').split('\n', 1)[0] as string
  const sentence = /^\/\*\* (\S.*) \*\/$/.exec(first)?.[1]
  if (sentence === undefined) return [`${path}:1: the first line must be a /** sentence */ that says what the file is`]
  if (!sentence.endsWith('.')) return [`${path}:1: the opening sentence must end with a full stop`]
  // A full stop that is followed by a capital begins another sentence; "e.g." and "Node.js" do not.
  if (/[.!?] +[A-Z]/.test(sentence)) return [`${path}:1: the file opens with more than one sentence`]
  return []
}

function nameProblems(path: string): string[] {
  const parts = path.split('/')
  const file = parts.pop() as string
  const problems = parts.filter((folder) => !folderName.test(folder)).map((folder) => `${path}: the folder "${folder}" is not kebab-case`)
  if (!fileName.test(file)) problems.push(`${path}: the file name is not kebab-case`)
  const words = [...parts, file.replace(/\..*$/, '')].flatMap((name) => name.split('-'))
  for (const word of words) if (emptyNames.has(word)) problems.push(`${path}: "${word}" says nothing: name the one thing that is inside`)
  return problems
}

function syntaxProblems(source: Source): string[] {
  const problems: string[] = []
  const isConfig = source.path.endsWith('.config.ts')
  const tell = (node: SyntaxNode, problem: string) => problems.push(`${source.path}:${lineAt(source.text, node.start)}: ${problem}`)
  for (const { entries } of source.syntax.module.staticExports) {
    for (const entry of entries) {
      if (!isConfig && (entry.exportName.kind === 'Default' || entry.exportName.name === 'default')) {
        problems.push(`${source.path}:${lineAt(source.text, entry.start)}: a default export: give it its name`)
      }
    }
  }
  walk(source.syntax, (node) => {
    if (node.type === 'TSEnumDeclaration') tell(node, 'an enum: Node.js cannot strip it; write a union of literals')
    if (node.type === 'TSModuleDeclaration' && node.kind !== 'global') tell(node, 'a namespace: a file is the namespace')
    if (node.type === 'TSParameterProperty') tell(node, 'a parameter property: Node.js cannot strip it; declare the field')
    const parameters = parametersOf(node)
    if (parameters > mostParameters) tell(node, `${parameters} positional parameters, at most ${mostParameters}: take an object`)
  })
  return problems
}

function parametersOf(node: SyntaxNode): number {
  const isNamed = node.type === 'FunctionDeclaration' || node.type === 'TSMethodSignature'
  const holds = node.type === 'MethodDefinition' || node.type === 'VariableDeclarator' || node.type === 'PropertyDefinition'
  const callable = (isNamed ? node : holds ? (node.value ?? node.init) : null) as SyntaxNode | null
  if (callable === null || callable === undefined) return 0
  if (!isNamed && callable.type !== 'FunctionExpression' && callable.type !== 'ArrowFunctionExpression') return 0
  // The form of this one is undici's to choose.
  if ((node.key as SyntaxNode | undefined)?.name === 'onResponseStart') return 0
  const parameters = callable.params as readonly SyntaxNode[]
  return parameters.filter((parameter) => parameter.name !== 'this').length
}

/** Tests that do not lie beside what they test. */
export function strayTests(paths: readonly string[]): string[] {
  const known = new Set(paths)
  // One that grew too long is split by what it looks at: `fetch-likeness.test.ts` lies beside `fetch.ts`.
  const hasHost = (stem: string): boolean => known.has(`${stem}.ts`) || (/-[^-/]+$/.test(stem) && hasHost(stem.replace(/-[^-/]+$/, '')))
  return paths
    .filter((path) => path.startsWith('packages/') && path.endsWith('.test.ts') && !hasHost(path.replace(/\.test\.ts$/, '')))
    .map((path) => `${path}: no ${path.replace(/^.*\//, '').replace('.test', '')} lies beside it`)
}
