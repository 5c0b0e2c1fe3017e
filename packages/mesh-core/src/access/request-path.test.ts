import { array, assert, constantFrom, nat, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestPath } from './request-path.ts'

function read(text: string): string {
  return new RequestPath().read(text)
}

describe('a path is ambiguous that', () => {
  test.each([
    ['/a%2fb', 'has an escaped slash'],
    ['/a%2Fb', 'has an escaped slash'],
    ['/a%5cb', 'has an escaped backslash'],
    ['/a\\b', 'has a backslash'],
    ['/a/../b', 'has a dot segment'],
    ['/a/./b', 'has a dot segment'],
    ['/..', 'has a dot segment'],
    ['/a/.', 'has a dot segment'],
    ['/a/%2e%2e/b', 'has a dot segment'],
    ['/a/.%2E', 'has a dot segment'],
    ['/%2e/b', 'has a dot segment'],
    ['/a/..?q', 'has a dot segment'],
    ['//a', 'has two slashes in a row'],
    ['/a//', 'has two slashes in a row'],
    ['/a;v=1', 'has a semicolon'],
    ['/a#b', 'has a fragment'],
    ['/a%00', 'has an escaped control character'],
    ['/a%0d%0aSet-Cookie:', 'has an escaped control character'],
    ['/a%7f', 'has an escaped control character'],
    ['/a\u0000', 'has a character that must be escaped'],
    ['/a b', 'has a character that must be escaped'],
    ['/ä', 'has a character that must be escaped'],
    ['/a%', 'has a percent sign that is no escape'],
    ['/a%2', 'has a percent sign that is no escape'],
    ['/a%2?f', 'has a percent sign that is no escape'],
    ['/a%zz', 'has a percent sign that is no escape'],
    ['/a%252fb', 'has an escape within an escape'],
    ['/a%25%32%66b', 'has an escape within an escape'],
    ['/a%25252fb', 'has an escape within an escape'],
    ['/a%c0%af', 'has escapes that are no UTF-8'],
    ['/a%E9', 'has escapes that are no UTF-8'],
    ['http://other/a', 'does not begin with a slash'],
    ['*', 'does not begin with a slash'],
    ['', 'does not begin with a slash'],
    ['?a', 'does not begin with a slash'],
  ])('%j', (path, why) => {
    expect(read(path)).toBe(why)
  })
})

test.each([
  '/',
  '/charge',
  '/a/',
  '/a.b/..c/...',
  '/.well-known/x',
  '/shop.Payment/Charge',
  '/caf%C3%A9/%20x',
  '/100%25',
  '/100%25zz',
  '/a?b=%2f//..;%zz\\',
  "/-_~!$&'()*+,=:@|",
])('%j is not ambiguous', (path) => {
  expect(read(path)).toBe('')
})

test('what is not ambiguous has the same segments however often and by whomever it is normalized', () => {
  const parts = ['/', '/', '.', '..', 'a', 'B', '%2e', '%2f', '%5C', '%25', '2f', '%61', ';', '\\', '?', '#', '%', '%c3', '%a9', '*']
  let clear = 0
  assert(
    property(array(constantFrom(...parts), { maxLength: 12 }), (found) => {
      const text = `/${found.join('')}`
      const path = new RequestPath()
      if (path.read(text) !== '') return
      clear++
      const sent = text.split('?', 1)[0] as string
      const segments = sent.split('/').length
      expect(new URL(text, 'http://h').pathname.split('/')).toHaveLength(segments)
      expect(path.plain).toBe(decodeURIComponent(sent).toLowerCase())
      expect(new URL(encodeURI(path.plain), 'http://h').pathname.split('/')).toHaveLength(segments)
      expect(path.plain.split(/[/\\]/)).toHaveLength(segments)
    }),
    { numRuns: 5000 },
  )
  expect(clear).toBeGreaterThan(200)
})

test('no text makes it throw', () => {
  assert(
    property(array(nat(0xffff), { maxLength: 40 }), (codes) => {
      expect(typeof read(`/${String.fromCharCode(...codes)}`)).toBe('string')
    }),
  )
})
