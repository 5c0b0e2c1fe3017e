/** The little of ASN.1's distinguished encoding that certificates and requests need: a writer of values and a strict reader. */

/** Tags as X.690 numbers them; those of the context carry 0x80, and 0x20 where they hold other values. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  bytes: 0x04,
  nothing: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const

/** One value as it was read. */
export interface DerValue {
  readonly tag: number
  /** What is inside. */
  readonly content: Buffer
  /** Tag and length with it. */
  readonly whole: Buffer
}

/** A value: its tag, its length in the shortest form, what is inside. */
export function der(tagNumber: number, ...content: readonly Uint8Array[]): Buffer {
  const inside = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tagNumber, ...lengthBytes(inside.length)]), inside])
}

/** A sequence of values. */
export function sequence(...values: readonly Uint8Array[]): Buffer {
  return der(tag.sequence, ...values)
}

/** A number that is not negative. */
export function integer(value: number | Uint8Array): Buffer {
  const bytes =
    typeof value === 'number'
      ? Buffer.from(value.toString(16).padStart(value.toString(16).length + (value.toString(16).length % 2), '0'), 'hex')
      : value
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from++
  const short = bytes.subarray(from)
  return der(tag.integer, (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short)
}

/** An object identifier such as `2.5.29.17`. */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes: number[] = []
  for (const part of [first * 40 + second, ...rest]) {
    const groups = [part & 0x7f]
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return der(tag.oid, Buffer.from(bytes))
}

/** A string of whole bytes, as keys and signatures are. */
export function bits(bytes: Uint8Array): Buffer {
  return der(tag.bits, Buffer.from([0]), bytes)
}

/** A value under a number that its surroundings give a meaning; it holds other values. */
export function context(number: number, ...content: readonly Uint8Array[]): Buffer {
  return der(0xa0 | number, ...content)
}

/** Text in PEM. */
export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/**
 * The values that stand one after the other in `bytes`.
 * @throws RangeError where they are no DER: cut off, of indefinite or wastefully written length, or with a tag of several bytes
 */
export function readDer(bytes: Buffer): DerValue[] {
  const values: DerValue[] = []
  let at = 0
  while (at < bytes.length) {
    const value = readOne(bytes, at)
    values.push(value)
    at += value.whole.length
  }
  return values
}

/** The one value that `bytes` is. @throws RangeError where it is not one, or has another tag than `expected` */
export function readOnly(bytes: Buffer, expected?: number): DerValue {
  const value = readOne(bytes, 0)
  if (value.whole.length !== bytes.length) throw new RangeError('DER: something follows the value')
  if (expected !== undefined && value.tag !== expected) throw new RangeError(`DER: tag ${value.tag} where ${expected} was expected`)
  return value
}

/** An object identifier as text. @throws RangeError where it is cut off */
export function readOid(content: Buffer): string {
  const parts: number[] = []
  let part = 0
  for (const byte of content) {
    part = part * 128 + (byte & 0x7f)
    if (byte < 0x80) {
      parts.push(part)
      part = 0
    }
  }
  const [head, ...rest] = parts
  if (head === undefined || (content.at(-1) as number) >= 0x80) throw new RangeError('DER: an object identifier is cut off')
  const first = Math.min(2, Math.floor(head / 40))
  return [first, head - first * 40, ...rest].join('.')
}

function readOne(bytes: Buffer, at: number): DerValue {
  const number = bytes[at]
  const first = bytes[at + 1]
  if (number === undefined || first === undefined) throw new RangeError('DER: a value is cut off')
  if ((number & 0x1f) === 0x1f) throw new RangeError('DER: a tag of several bytes')
  let length = first
  let start = at + 2
  if (first >= 0x80) {
    const count = first & 0x7f
    // Nothing that is read here comes near 16 MB.
    if (count === 0 || count > 3) throw new RangeError('DER: a length that is indefinite, or beyond all bounds')
    if (start + count > bytes.length) throw new RangeError('DER: a length is cut off')
    length = bytes.readUIntBE(start, count)
    start += count
    if (length < 0x80 || (count > 1 && length < 1 << (8 * (count - 1))))
      throw new RangeError('DER: a length that is not written in the shortest way')
  }
  if (start + length > bytes.length) throw new RangeError('DER: a value is cut off')
  return { tag: number, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) }
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left & 0xff)
  return [0x80 | bytes.length, ...bytes]
}
