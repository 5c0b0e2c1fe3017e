import { expect, test } from 'vitest'
import { requestHeader } from './request-header.ts'

test('the host is the one that HTTP/2 itself goes by, whatever else a caller calls so', () => {
  expect(requestHeader({ ':authority': 'payment.internal', host: 'elsewhere' }, 'host')).toBe('payment.internal')
  expect(requestHeader({ host: 'payment.internal' }, 'host')).toBe('payment.internal')
  expect(requestHeader({}, 'host')).toBeNull()
})

test('a pseudo-header is no field, and what comes twice is one text', () => {
  const headers = { ':path': '/a', 'x-tier': 'gold', 'set-cookie': ['a', 'b'] }
  expect(['x-tier', 'set-cookie', ':path', 'x-none'].map((name) => requestHeader(headers, name))).toEqual(['gold', 'a, b', null, null])
})
