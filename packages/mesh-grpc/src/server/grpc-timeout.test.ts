import { expect, test } from 'vitest'
import { isBeyondGrpcJs, readGrpcTimeout } from './grpc-timeout.ts'

test.each([
  ['250m', 250],
  ['2S', 2000],
  ['3M', 180_000],
  ['24H', 86_400_000],
  ['500u', 0.5],
  ['99999999n', 99.999999],
])('%s is %d ms', (value, ms) => {
  expect(readGrpcTimeout(value)).toBeCloseTo(ms, 9)
})

test('no time left is more than nothing said', () => {
  expect(readGrpcTimeout('0S')).toBeGreaterThan(0)
})

test.each([[undefined], [''], ['5'], ['S'], ['-1S'], ['1.5S'], ['123456789m'], ['1 S'], ['1S, 2S'], ['99999999H'], [['1S', '2S']]])(
  '%j says nothing',
  (value) => {
    expect(readGrpcTimeout(value)).toBe(0)
  },
)

test.each([
  ['596H', false],
  ['597H', true],
  ['2147483S', false],
  ['2147484S', true],
  ['99999999m', false],
  ['1 597H', true],
  ['999999999H', true],
  ['1S, 597H', false],
  [undefined, false],
])('%j is beyond what grpc-js can count: %j', (value, beyond) => {
  expect(isBeyondGrpcJs(value)).toBe(beyond)
})
