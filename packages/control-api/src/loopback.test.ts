import { expect, test } from 'vitest'
import { isLoopback } from './loopback.ts'

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['[::1]', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['localhost.example.com', false],
  ['control', false],
])('%s: %s', (host, is) => {
  expect(isLoopback(host)).toBe(is)
})
