import { inflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Part } from './part.ts'

test('a piece holds the memory of its own bytes and no more', () => {
  const part = new Part('x'.repeat(2000))
  const deflated = part.deflated() as Buffer
  expect([part.bytes.buffer.byteLength, deflated.buffer.byteLength]).toEqual([2000, deflated.length])
  expect(part.bytes.toString()).toBe('x'.repeat(2000))
})

test('what is too small to be deflated with profit goes as it is', () => {
  expect(new Part('x'.repeat(1023)).deflated()).toBeNull()
  const blocks = new Part('x'.repeat(1024)).deflated() as Buffer
  // The last block is for whoever joins the pieces.
  expect(inflateRawSync(Buffer.concat([blocks, Buffer.from([1, 0, 0, 0xff, 0xff])])).toString()).toBe('x'.repeat(1024))
})

test('a list that takes long to deflate is deflated for the second who asks', () => {
  const part = new Part('x'.repeat(65_536))
  expect(part.deflated()).toBeNull()
  expect(part.deflated()).not.toBeNull()
})
