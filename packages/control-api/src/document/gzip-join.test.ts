import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gzipJoined } from './gzip-join.ts'
import { Part } from './part.ts'

const piece = fc.oneof(
  fc.string({ maxLength: 200 }).map((text) => Buffer.from(text)),
  fc
    .tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.integer({ min: 0, max: 9000 }))
    .map(([text, times]) => new Part(text.repeat(times))),
)

test('whatever is joined, an ordinary gunzip reads the whole, the first time and later', () => {
  const walk = fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
    const whole = Buffer.concat(pieces.map((one) => (Buffer.isBuffer(one) ? one : one.bytes)))
    for (let time = 0; time < 2; time++) expect(gunzipSync(Buffer.concat(gzipJoined(pieces))).equals(whole)).toBe(true)
  })
  fc.assert(walk, { numRuns: 200 })
})

test('a part is deflated once for all who take it, and a very long one only when a second asks', () => {
  const part = new Part('{"address":"10.0.0.1:80"},'.repeat(10_000))
  const first = Buffer.concat(gzipJoined([part]))
  const second = Buffer.concat(gzipJoined([part]))
  expect(first.length).toBeGreaterThan(part.bytes.length)
  expect(second.length).toBeLessThan(part.bytes.length / 20)
  expect(part.deflated()).toBe(part.deflated())
})
