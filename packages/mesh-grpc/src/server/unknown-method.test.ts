import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { UnknownMethod } from './unknown-method.ts'

test('a fault of the mesh itself costs the one call, is answered, and is in the log', async () => {
  const lines: string[] = []
  const answers: Record<string, unknown>[] = []
  const stream = Object.assign(new EventEmitter(), { closed: false, respond: (head: Record<string, unknown>) => answers.push(head) })
  const parts = { service: 'payment', log: { error: (line: string) => lines.push(line) } }
  const unknown = new UnknownMethod(parts as never, stream as never, {})
  await unknown.serve({ end: () => {} } as never, () => Promise.reject(new Error('the tracing library threw')))
  expect(answers).toMatchObject([{ 'grpc-status': 13 }])
  expect(lines).toEqual(['payment: a call of a method that nobody serves failed in the mesh: Error: the tracing library threw'])
})
