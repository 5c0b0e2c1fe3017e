/** No file imports itself by way of others. */
import { expect, test } from 'vitest'
import { circles } from './circles.ts'
import { projectSources, sourceOf } from './source.ts'

test('no import of the project leads back to where it began', () => {
  expect(circles(projectSources())).toEqual([])
})

test('a circle is told with the way around it, types included', () => {
  const files = [
    sourceOf('a/one.ts', `import { b } from './two.ts'`),
    sourceOf('a/two.ts', `import type { C } from './three.ts'`),
    sourceOf('a/three.ts', `export type C = import('./one.ts').A`),
    sourceOf('a/four.ts', `import { b } from './two.ts'`),
  ]
  expect(circles(files)).toEqual(['a/one.ts → a/two.ts → a/three.ts → a/one.ts'])
})

test('two ways to the same file are no circle', () => {
  const files = [
    sourceOf('a/one.ts', `import './two.ts'\nimport './three.ts'`),
    sourceOf('a/two.ts', `import './three.ts'`),
    sourceOf('a/three.ts', ''),
  ]
  expect(circles(files)).toEqual([])
})
