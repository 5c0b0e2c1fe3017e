import { expect, test } from 'vitest'
import { BlockingIndex } from './blocking-index.ts'

test('the index of an answer is what the next question waits beyond', () => {
  const index = new BlockingIndex()
  expect(index.next).toBe(0)
  expect(index.take('17')).toEqual({ wentBack: false, isUsable: true })
  expect(index.next).toBe(17)
})

test('an index that goes back is told, and the next question does not wait', () => {
  const index = new BlockingIndex()
  index.take('17')
  expect(index.take('3')).toEqual({ wentBack: true, isUsable: true })
  expect(index.next).toBe(0)
  expect(index.take('3')).toEqual({ wentBack: false, isUsable: true })
  expect(index.next).toBe(3)
})

test('after a failure the next question does not wait, and an index that is lower then is told all the same', () => {
  const index = new BlockingIndex()
  index.take('17')
  index.failed()
  expect(index.next).toBe(0)
  expect(index.take('16').wentBack).toBe(true)
})

test.each([undefined, '', '0', '-3', '1e9', '12 ', '9999999999999999', ['7']])('%j is no index, and nothing waits for it', (header) => {
  const index = new BlockingIndex()
  index.take('17')
  expect(index.take(header)).toEqual({ wentBack: false, isUsable: false })
  expect(index.next).toBe(0)
})
