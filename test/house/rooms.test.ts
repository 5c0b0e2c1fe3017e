/** Every file of the project is a room of the house, and each way of not being one is seen. */
import { expect, test } from 'vitest'
import { roomProblems, strayTests } from './rooms.ts'
import { projectFiles, projectSources, sourceOf } from './source.ts'

const opening = '/** What this is. */\n'

function problemsOf(text: string, path = 'packages/mesh-core/src/retry/retry.ts'): string {
  return roomProblems(sourceOf(path, text)).join('\n')
}

test('every file opens with its sentence, keeps to its size, has a name and uses syntax that Node.js can strip', () => {
  expect(projectSources().flatMap(roomProblems)).toEqual([])
})

test('every unit test lies beside what it tests', () => {
  expect(strayTests(projectFiles())).toEqual([])
})

test('a file of 251 lines is seen, one of 250 is not', () => {
  expect(problemsOf(opening + 'x()\n'.repeat(249))).toBe('')
  expect(problemsOf(opening + 'x()\n'.repeat(250))).toMatch(/251 lines/)
})

test('a file without an opening sentence, with half a one or with two is seen', () => {
  expect(problemsOf(opening)).toBe('')
  expect(problemsOf(`#!/usr/bin/env node\n${opening}`)).toBe('')
  expect(problemsOf(`import './x.ts'\n`, 'packages/mesh-core/src/retry/retry.test.ts')).toBe('')
  expect(problemsOf(`import './x.ts'\n`)).toMatch(/first line must be/)
  expect(problemsOf('/** What this is */\n')).toMatch(/full stop/)
  expect(problemsOf('/** What this is. And more. */\n')).toMatch(/more than one sentence/)
})

test('names that say nothing are seen, in files and folders, whole or as a part', () => {
  for (const path of ['packages/mesh-core/src/kernel/util.ts', 'packages/mesh-core/src/helpers/x.ts', 'test/house/retry-helper.ts']) {
    expect(problemsOf(opening, path)).toMatch(/says nothing/)
  }
  expect(problemsOf(opening, 'packages/mesh-core/src/kernel/timerWheel.ts')).toMatch(/not kebab-case/)
  expect(problemsOf(opening, 'packages/mesh-core/src/Kernel/timer.ts')).toMatch(/not kebab-case/)
})

test('default exports are seen in every spelling, except in the configuration of a tool', () => {
  expect(problemsOf(`${opening}export default function retry() {}`)).toMatch(/:2: a default export/)
  expect(problemsOf(`${opening}const a = 1\nexport { a as default }`)).toMatch(/:3: a default export/)
  expect(problemsOf(`${opening}export default {}`, 'vitest.config.ts')).toBe('')
})

test('enums, namespaces and parameter properties are seen', () => {
  expect(problemsOf(`${opening}enum Mood { Good }`)).toMatch(/an enum/)
  expect(problemsOf(`${opening}namespace Mood { export const good = 1 }`)).toMatch(/a namespace/)
  expect(problemsOf(`${opening}class A { constructor(private x: number) {} }`)).toMatch(/a parameter property/)
})

test('a fourth positional parameter is seen in functions, methods and named arrows', () => {
  expect(problemsOf(`${opening}function f(a: 1, b: 2, c: 3) {}`)).toBe('')
  expect(problemsOf(`${opening}function f(a: 1, b: 2, c: 3, d: 4) {}`)).toMatch(/4 positional parameters/)
  expect(problemsOf(`${opening}class A { m(a: 1, b: 2, c: 3, d: 4) {} }`)).toMatch(/4 positional parameters/)
  expect(problemsOf(`${opening}const f = (a: 1, b: 2, c: 3, d: 4) => {}`)).toMatch(/4 positional parameters/)
  expect(problemsOf(`${opening}interface A { m(a: 1, b: 2, c: 3, d: 4): void }`)).toMatch(/4 positional parameters/)
})

test('a test without its subject beside it is seen', () => {
  expect(strayTests(['packages/a/src/x.ts', 'packages/a/src/x.test.ts'])).toEqual([])
  expect(strayTests(['packages/a/src/x.ts', 'packages/a/src/y.test.ts'])).toEqual(['packages/a/src/y.test.ts: no y.ts lies beside it'])
})
