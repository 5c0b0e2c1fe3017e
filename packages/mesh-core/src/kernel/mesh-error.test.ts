/** A MeshError carries what a caller needs, and is known across copies of the package. */
import { expect, test } from 'vitest'
import { errorTable, MeshError } from './mesh-error.ts'

test('what is left out is empty, and a cause is kept', () => {
  const cause = new Error('ECONNREFUSED')
  const error = new MeshError({ code: 'UNREACHED', message: 'cart: no connection', cause })
  expect(error).toMatchObject({ name: 'MeshError', service: '', endpoint: '', attempts: [], verdict: '', revision: '', cause })
  expect('cause' in new MeshError({ code: 'LATE', message: 'late' })).toBe(false)
})

test('an error without a stack costs none, and the next one has its own again', () => {
  const limit = Error.stackTraceLimit
  const refused = MeshError.withoutStack({ code: 'LIMIT_FULL', message: 'cart: full' })
  expect(refused.stack).not.toContain('\n    at ')
  expect(Error.stackTraceLimit).toBe(limit)
  expect(new MeshError({ code: 'LATE', message: 'late' }).stack).toContain('mesh-error.test.ts')
})

test('an error is known by its brand, also one of another copy of the package, and nothing else is', () => {
  expect(MeshError.is(new MeshError({ code: 'LATE', message: 'late' }))).toBe(true)
  expect(MeshError.is(Object.assign(new Error('late'), { [Symbol.for('zerohop.mesh-error.1')]: true }))).toBe(true)
  for (const other of [new Error('late'), null, undefined, 'late', { code: 'LATE', name: 'MeshError' }])
    expect(MeshError.is(other)).toBe(false)
})

test.each(Object.entries(errorTable))('%s has a sentence, an HTTP status and a gRPC status', (_code, row) => {
  expect(row.sentence).toMatch(/^[a-z].*[^.]$/)
  expect(row.http).toBeGreaterThanOrEqual(400)
  expect(row.http).toBeLessThan(600)
  expect(row.grpc).toMatch(/^[A-Z_]+$/)
})
