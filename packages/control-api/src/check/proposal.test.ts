import { expect, test } from 'vitest'
import { readDocumentOf, readProposal } from './proposal.ts'

const most = 1_048_576

function servicesOf(text: string): unknown {
  const reading = readProposal(text, most)
  return reading.ok ? reading.documents.map(({ service, document }) => [service, document]) : reading.problems
}

test('several documents are read from YAML, and from a JSON array', () => {
  expect(servicesOf('timeout: 1s\n---\nservice: a\ntimeout: 2s\n')).toEqual([
    ['defaults', { timeout: '1s' }],
    ['a', { service: 'a', timeout: '2s' }],
  ])
  expect(servicesOf('[{"service":"a"},{"service":"b"}]')).toEqual([
    ['a', { service: 'a' }],
    ['b', { service: 'b' }],
  ])
})

test.each<[what: string, text: string, path: string, message: string]>([
  ['nothing', '', '', 'the body holds no document'],
  ['what is no YAML', 'a: [', '', 'this is no valid YAML'],
  ['a list', '- 3', 'document 1', 'expected a map of fields (line 1, column 3)'],
  ['a key twice', 'timeout: 1s\ntimeout: 2s', '', 'key `timeout` is written twice (line 2, column 1)'],
  ['a service twice', 'service: a\n---\nservice: a', 'a', 'there are two documents for it'],
  ['a service called defaults', 'service: defaults', 'defaults.service', 'no service can have this name'],
])('%s is refused with its reason', (_, text, path, message) => {
  const reading = readProposal(text, most)
  if (reading.ok) throw new Error('it was accepted')
  expect(reading.problems[0]).toEqual({ path, message: expect.stringContaining(message) })
})

test('of a text that is wrong in every place a hundred problems are told', () => {
  const reading = readProposal(`[${','.repeat(200_000)}]`, most)
  if (reading.ok) throw new Error('it was accepted')
  expect(reading.problems).toHaveLength(100)
  expect(reading.problems[0]?.message).toMatch(/^this is no valid YAML: .* \(line 1, column \d+\)$/s)
})

test('a text that is too long is refused before it is parsed', () => {
  expect(readProposal(`x: ${'y'.repeat(200)}`, 100)).toMatchObject({
    ok: false,
    problems: [{ message: expect.stringContaining('at most 100') }],
  })
})

test('the document of a service may leave its name out, and must not bear another', () => {
  expect(readDocumentOf('a', 'timeout: 1s', most)).toMatchObject({
    ok: true,
    documents: [{ service: 'a', document: { service: 'a', timeout: '1s' } }],
  })
  expect(readDocumentOf('a', 'service: b', most)).toMatchObject({ ok: false, problems: [{ path: 'a.service' }] })
  expect(readDocumentOf('defaults', 'timeout: 1s', most)).toMatchObject({
    ok: true,
    documents: [{ service: 'defaults', document: { timeout: '1s' } }],
  })
  expect(readDocumentOf('defaults', 'service: a', most)).toMatchObject({ ok: false, problems: [{ path: 'defaults.service' }] })
  expect(readDocumentOf('a', 'timeout: 1s\n---\ntimeout: 2s', most)).toMatchObject({ ok: false })
})
