/** The repository names no path and no registry of the machine on which it was written. */
import { expect, test } from 'vitest'
import { placeProblems } from './own-place.ts'
import { projectFiles, projectText } from './source.ts'

test('no file of the project names a personal path or the host of a registry', () => {
  const own = /^test\/house\/own-place/
  const problems = projectFiles()
    .filter((path) => !own.test(path))
    .flatMap((path) => placeProblems(path, projectText(path)))
  expect(problems).toEqual([])
})

test('personal paths are seen, paths within the project and of a URL are not', () => {
  expect(placeProblems('a.md', 'see /home/jane/zerohop')).toHaveLength(1)
  expect(placeProblems('a.ts', `readFileSync('/Users/jane/x.json')`)).toHaveLength(1)
  expect(placeProblems('a.ts', `import '../work/x.ts'`)).toEqual([])
  expect(placeProblems('a.md', 'GET https://shop.test/home/garden')).toEqual([])
})

test('hosts of registries are seen', () => {
  expect(placeProblems('pnpm-lock.yaml', 'tarball: https://registry.npmjs.org/undici/-/undici-8.12.4.tgz')).toHaveLength(1)
  expect(placeProblems('.npmrc', '@scope:registry = "https://npmmirror.com"')).toHaveLength(1)
  expect(placeProblems('a.md', 'npm --registry http://npm-mirror.corp:4873/')).toHaveLength(1)
  expect(placeProblems('a.ts', 'registry.metrics() // the registry. Discovery reads it')).toEqual([])
})
