/** What the packages publish is written down, documented, and changed only on purpose. */
import { expect, test } from 'vitest'
import { type Files, publicNames } from './public-face.ts'
import { projectFiles, projectSources, projectText, sourceOf } from './source.ts'

function filesOf(texts: Record<string, string>): Files {
  return new Map(Object.entries(texts).map(([path, text]) => [path, sourceOf(path, text)]))
}

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string>>
}

/** Entry points as users import them, with the file behind each. */
function entryPoints(): { specifier: string; path: string }[] {
  return projectFiles()
    .filter((path) => /^packages\/[^/]+\/package\.json$/.test(path))
    .flatMap((path) => {
      const { name, exports } = JSON.parse(projectText(path)) as Manifest
      return Object.entries(exports)
        .filter(([, file]) => file.endsWith('.ts'))
        .map(([entry, file]) => ({ specifier: name + entry.slice(1), path: path.replace('package.json', '') + file.slice(2) }))
    })
    .sort((a, b) => (a.specifier < b.specifier ? -1 : 1))
}

const files: Files = new Map(projectSources('packages/').map((source) => [source.path, source]))

test('the public face is the one in public-face.json: run `vitest -u` where a change is meant', async () => {
  const face = Object.fromEntries(
    entryPoints().map(({ specifier, path }) => [
      specifier,
      publicNames(path, files).map(({ name, isType }) => (isType ? `type ${name}` : name)),
    ]),
  )
  expect(Object.keys(face).length).toBeGreaterThan(4)
  await expect(`${JSON.stringify(face, null, 2)}\n`).toMatchFileSnapshot('public-face.json')
})

test('every published name says what it means', () => {
  const silent = entryPoints().flatMap(({ specifier, path }) =>
    publicNames(path, files)
      .filter(({ documented }) => !documented)
      .map(({ name, at }) => `${at}: ${name} of ${specifier} has no doc comment`),
  )
  expect([...new Set(silent)]).toEqual([])
})

test('names are followed through re-exports, aliases and types', () => {
  const names = publicNames(
    'a/index.ts',
    filesOf({
      'a/index.ts': `/** Face. */\nexport * from './one.ts'\nexport { type Two, three as four } from './two.ts'\nimport { five } from './two.ts'\nexport { five }`,
      'a/one.ts': `/** One. */\n\n/** What it is. */\nexport class One {}\nexport type Other = One`,
      'a/two.ts': `/** Two. */\n/** It. */\nexport interface Two {}\n/** It. */\nexport const three = 3\nconst five = 5\nexport { five }`,
    }),
  )
  expect(names.map(({ name, isType, documented, at }) => [name, isType, documented, at])).toEqual([
    ['One', false, true, 'a/one.ts:4'],
    ['Other', true, false, 'a/one.ts:5'],
    ['Two', true, true, 'a/two.ts:3'],
    ['five', false, false, 'a/two.ts:6'],
    ['four', false, true, 'a/two.ts:5'],
  ])
})

test("the sentence that opens a file is not its first export's documentation", () => {
  const [name] = publicNames('a/one.ts', filesOf({ 'a/one.ts': `/** What the file is. */\nexport const one = 1` }))
  expect(name?.documented).toBe(false)
})

test('a re-export that leads nowhere is told', () => {
  expect(() => publicNames('a.ts', filesOf({ 'a.ts': `export { x } from './b.ts'` }))).toThrow('b.ts is exported')
  expect(() => publicNames('a.ts', filesOf({ 'a.ts': `export { x } from './b.ts'`, 'b.ts': 'export const y = 1' }))).toThrow(
    'b.ts does not export x',
  )
})
