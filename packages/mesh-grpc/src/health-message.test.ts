import { expect, test } from 'vitest'
import {
  NOT_SERVING,
  readCheckRequest,
  readCheckResponse,
  SERVING,
  writeCheckRequest,
  writeCheckResponse,
  writeListResponse,
} from './health-message.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

test.each([
  ['', ''],
  ['0a 00', ''],
  ['0a 09 73 68 6f 70 2e 43 61 72 74', 'shop.Cart'],
  // Fields that this version does not know, of every kind, before and behind; of two the later one counts.
  ['10 ff 01 0a 01 78 0a 01 61 19 00 00 00 00 00 00 00 00 22 01 00 2d 00 00 00 00', 'a'],
  ['10 ff ff ff ff ff ff ff ff ff 01', ''],
])('the bytes %j ask for %j', (bytes, service) => {
  expect(readCheckRequest(hex(bytes))).toEqual({ service })
})

test.each([['0a'], ['0a 05 61'], ['0b'], ['0a ff ff ff ff 0f'], ['10'], ['10 ff ff ff ff ff ff ff ff ff ff ff'], ['1d 00']])(
  'the bytes %j are no request',
  (bytes) => {
    expect(() => readCheckRequest(hex(bytes))).toThrow(RangeError)
  },
)

test.each([
  ['', 'UNKNOWN'],
  ['08 00', 'UNKNOWN'],
  ['08 01', 'SERVING'],
  ['12 01 61 08 02', 'NOT_SERVING'],
  ['08 03', 'SERVICE_UNKNOWN'],
  ['08 2a', 'STATUS_42'],
])('the bytes %j answer %s', (bytes, status) => {
  expect(readCheckResponse(hex(bytes))).toBe(status)
})

test.each([['08'], ['0b'], ['12 05 61']])('the bytes %j are no answer', (bytes) => {
  expect(() => readCheckResponse(hex(bytes))).toThrow(RangeError)
})

test('requests are written as protocol buffers have it', () => {
  expect([writeCheckRequest(''), writeCheckRequest('shop.Cart')]).toEqual([hex(''), hex('0a 09 73 68 6f 70 2e 43 61 72 74')])
})

test('answers are written as protocol buffers have it', () => {
  expect(writeCheckResponse(SERVING)).toEqual(hex('08 01'))
  expect(
    writeListResponse(
      new Map([
        ['', SERVING],
        ['a', NOT_SERVING],
      ]),
    ),
  ).toEqual(hex('0a 06 0a 00 12 02 08 01  0a 07 0a 01 61 12 02 08 02'))
})

test('a name of any length is written with its length', () => {
  const bytes = writeListResponse(new Map([['a'.repeat(200), SERVING]]))
  expect(bytes.subarray(0, 6)).toEqual(hex('0a cf 01 0a c8 01'))
})
