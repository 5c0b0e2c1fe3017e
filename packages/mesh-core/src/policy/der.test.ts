import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { bits, context, der, integer, oid, pem, readDer, readOid, readOnly, sequence, tag } from './der.ts'

test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])('a value of %i bytes is written in the shortest way and read again', (size) => {
  const content = randomBytes(size)
  const written = der(tag.bytes, content)
  expect(readOnly(written, tag.bytes).content).toEqual(content)
  expect(written.length - size).toBe(size < 128 ? 2 : size < 256 ? 3 : size < 65_536 ? 4 : 5)
})

test.each([
  [0, '020100'],
  [127, '02017f'],
  [128, '02020080'],
  [256, '02020100'],
])('the number %i is positive', (value, hex) => {
  expect(integer(value).toString('hex')).toBe(hex)
})

test('the bytes of a number lose their leading zeros and keep their sign', () => {
  expect(integer(Buffer.from('0000ff', 'hex')).toString('hex')).toBe('020200ff')
  expect(integer(Buffer.from('00', 'hex')).toString('hex')).toBe('020100')
})

test.each(['2.5.29.17', '1.2.840.10045.4.3.2', '1.3.6.1.5.5.7.3.1', '2.999.1'])('the identifier %s is read as it was written', (text) => {
  expect(readOid(readOnly(oid(text), tag.oid).content)).toBe(text)
})

test('values stand in sequences, under context numbers and after each other', () => {
  const written = sequence(integer(1), context(0, oid('2.5.29.17')), bits(Buffer.from('ab', 'hex')))
  expect(readDer(readOnly(written).content).map((value) => value.tag)).toEqual([tag.integer, 0xa0, tag.bits])
})

test.each([
  ['cut off in its content', '0403aabb', /cut off/],
  ['cut off in its length', '0482aa', /cut off/],
  ['of indefinite length', '3080020100 0000', /indefinite/],
  ['with a length beyond all bounds', '0484ffffffff', /beyond all bounds/],
  ['with a length that wastes a byte', '048101aa', /shortest/],
  ['with a length that wastes two bytes', `04820080${'00'.repeat(128)}`, /shortest/],
  ['with a tag of several bytes', '1f0101', /several bytes/],
  ['followed by something', '02010100', /follows/],
])('a value %s is refused', (_, hex, problem) => {
  expect(() => readOnly(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(problem)
})

test('another tag than the one expected is refused, and so is an identifier that is cut off', () => {
  expect(() => readOnly(integer(1), tag.oid)).toThrow(/tag 2 where 6 was expected/)
  expect(() => readOid(Buffer.from([0x55, 0x9d]))).toThrow(/cut off/)
  expect(() => readOid(Buffer.alloc(0))).toThrow(/cut off/)
})

test('PEM has lines of 64 characters', () => {
  expect(
    pem('X', Buffer.alloc(60))
      .split('\n')
      .map((line) => line.length),
  ).toEqual([17, 64, 16, 15, 0])
})
