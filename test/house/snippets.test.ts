/** What the documentation shows as a program runs, and prints what the text says. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Snippet, snippetsOf } from './snippets.ts'
import { projectFiles, projectText, root } from './source.ts'

const snippets = projectFiles()
  .filter((path) => path.endsWith('.md'))
  .flatMap((path) => snippetsOf(path, projectText(path)))

function run({ code }: Snippet) {
  // From the folder `test`, which depends on all packages, so that a snippet imports them as a user does.
  const options = { cwd: join(root, 'test'), input: code, encoding: 'utf8', timeout: 30_000 } as const
  return spawnSync(process.execPath, ['--input-type=module-typescript', '-'], options)
}

describe('programs in the documentation', () => {
  test('the README and the pages on testing and HTTP hold some', () => {
    for (const page of ['README.md', 'docs/testing.md', 'docs/http.md']) {
      expect(
        snippets.some(({ at }) => at.startsWith(`${page}:`)),
        page,
      ).toBe(true)
    }
  })

  for (const snippet of snippets) {
    test(`${snippet.at} runs to its end${snippet.output === null ? '' : ' and prints what the page says'}`, () => {
      const { status, stdout, stderr } = run(snippet)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      if (snippet.output !== null) expect(stdout).toBe(snippet.output)
    })
  }
})

test('a program and its promised output are found, other blocks are left alone', () => {
  const page = 'Text\n\n```ts run\nconsole.log(1)\n```\n\n```text\n1\n```\n\n```ts\nnot run\n```\n```ts run\nawait 0\n```\n'
  expect(snippetsOf('a.md', page)).toEqual([
    { at: 'a.md:3', code: 'console.log(1)\n', output: '1\n' },
    { at: 'a.md:14', code: 'await 0\n', output: null },
  ])
})

test('a program that fails is seen to fail', () => {
  expect(run({ at: '', code: 'throw new Error("no")', output: null }).status).not.toBe(0)
  expect(run({ at: '', code: 'const n: number = 1; console.log(n)', output: null }).stdout).toBe('1\n')
})
