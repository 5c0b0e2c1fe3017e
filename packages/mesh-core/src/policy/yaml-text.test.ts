import { expect, test } from 'vitest'
import { readYaml } from './yaml-text.ts'

const kib = 1024

test('a text that is too long is refused before it is parsed, by its bytes', () => {
  expect(readYaml('{'.repeat(kib + 1), kib)).toEqual({
    documents: [],
    problems: [{ line: 1, column: 1, text: 'the text has 1025 bytes; at most 1024 are read' }],
  })
  expect(readYaml('\u20ac'.repeat(400), kib).problems[0]?.text).toContain('1200 bytes')
  expect(readYaml('a'.repeat(kib), kib).problems).toEqual([])
})

test('aliases of aliases are counted, not expanded', () => {
  const levels = [...'bcdefghij'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join(', ')}]`)
  const { documents, problems } = readYaml(`a: &a [x, x, x, x, x, x, x, x, x]\n${levels.join('\n')}`, kib)
  expect(problems).toEqual([{ line: 5, column: 8, text: 'aliases stand for more than 10000 values' }])
  expect(documents[0]).toMatchObject({ readable: false, value: undefined })
})

test('depth and number of values are bounded', () => {
  expect(readYaml(`a: ${'['.repeat(100)}${']'.repeat(100)}`, kib).problems).toEqual([
    { line: 1, column: 36, text: 'nested deeper than 32 levels' },
  ])
  expect(readYaml(`[${'1,'.repeat(200_000)}]`, kib * kib).problems).toMatchObject([{ text: 'there are more than 200000 values' }])
})

test('only the last value of an anchor counts, and only above its alias', () => {
  expect(readYaml('[&a 1, *a, &a 2, *a]', kib).documents[0]?.value).toEqual([1, 1, 2, 2])
  expect(readYaml('[*a, &a 1]', kib).problems).toMatchObject([{ line: 1, column: 2 }])
})

test('a key that is written twice or that is no field is left out and told, and the rest is still read', () => {
  const { documents, problems } = readYaml('a: 1\na: 2\n__proto__: { b: 1 }\nc: 3\n', kib)
  expect(problems).toEqual([
    { line: 2, column: 1, text: 'key `a` is written twice' },
    { line: 3, column: 1, text: 'key `__proto__` is not allowed' },
  ])
  expect(documents[0]).toMatchObject({ readable: true, value: { a: 1, c: 3 } })
  expect(Object.getPrototypeOf(documents[0]?.value)).toBe(Object.prototype)
})

test('a field is found by its path: its value, its key, or the nearest one above that was written', () => {
  const [document] = readYaml('first:\n  - x: 1\n  - y: {}\nkept: &k { z: 2 }\nlike: *k\n', kib).documents
  const at = (...path: (string | number)[]) => document?.locate(path, false)
  expect(at()).toEqual({ line: 1, column: 1 })
  expect(at('first', 1, 'y')).toEqual({ line: 3, column: 8 })
  expect(document?.locate(['first', 1, 'y'], true)).toEqual({ line: 3, column: 5 })
  expect(at('first', 1, 'y', 'missing')).toEqual({ line: 3, column: 8 })
  expect(at('first', 7)).toEqual({ line: 2, column: 3 })
  expect(at('like', 'z')).toEqual({ line: 4, column: 15 })
})

test('a number as a key is the text of that number', () => {
  expect(readYaml('{ 502: a, 0x10: b }', kib).documents[0]?.value).toEqual({ '502': 'a', '0x10': 'b' })
})
