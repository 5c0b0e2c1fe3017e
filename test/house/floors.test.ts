/** The floors hold, and each way of breaking them is seen. */
import { expect, test } from 'vitest'
import { floorProblems } from './floors.ts'
import { projectSources, sourceOf } from './source.ts'

const core = 'packages/mesh-core/src'

function problemsOf(path: string, text: string): string {
  return floorProblems([sourceOf(path, text)]).join('\n')
}

test('every import of the project points down a floor or stays in its room', () => {
  const sources = projectSources()
  expect(sources.length).toBeGreaterThan(40)
  expect(floorProblems(sources)).toEqual([])
})

test('an import downwards or within the room is fine', () => {
  expect(problemsOf(`${core}/retry/retry.ts`, `import { Call } from '../kernel/call.ts'\nimport { x } from './retry-budget.ts'`)).toBe('')
  expect(problemsOf(`${core}/mesh/mesh.ts`, `import { a } from '../retry/retry.ts'`)).toBe('')
})

test('a feature that imports another is told so', () => {
  expect(problemsOf(`${core}/retry/retry.ts`, `import { Gate } from '../limit/gate.ts'`)).toMatch(/retry\.ts:1: .*limit.*same floor/)
})

test('kernel and policy must not import each other, not even a type', () => {
  expect(problemsOf(`${core}/kernel/call.ts`, `import type { X } from '../policy/effective.ts'`)).toMatch(/policy.*same floor/)
  expect(problemsOf(`${core}/policy/schema.ts`, `export type X = import('../kernel/verdict.ts').Verdict`)).toMatch(/kernel.*same floor/)
})

test('an import upwards is seen, also as a re-export and as a dynamic import', () => {
  expect(problemsOf(`${core}/breaker/circuit.ts`, `export * from '../stack/client-stack.ts'`)).toMatch(/stack, which is above/)
  expect(problemsOf(`${core}/stack/client-stack.ts`, `const m = await import('../mesh/mesh.ts')`)).toMatch(/mesh, which is above/)
  expect(problemsOf(`${core}/kernel/call.ts`, `import { Mesh } from '../index.ts'`)).toMatch(/the face, which is above/)
})

test('client and server of a wire do not know each other', () => {
  expect(problemsOf('packages/mesh-http/src/client/http-send.ts', `import { a } from '../server/http-inbound.ts'`)).toMatch(
    /server.*same floor/,
  )
})

test('a path out of the package is seen', () => {
  expect(problemsOf('packages/mesh-http/src/index.ts', `import { a } from '../../mesh-core/src/index.ts'`)).toMatch(/leaves its package/)
  expect(problemsOf('examples/ecommerce/main.ts', `import { a } from '../../packages/mesh-core/src/index.ts'`)).toMatch(
    /leaves its package/,
  )
})

test('a test may use the testing face of its own package, other code may not', () => {
  const text = `import { FakeClock } from '../testing/fake-clock.ts'`
  expect(problemsOf(`${core}/limit/gate.test.ts`, text)).toBe('')
  expect(problemsOf(`${core}/limit/gate.ts`, text)).toMatch(/testing, which is above/)
})

test('a room without a floor and a specifier without its ending are seen', () => {
  expect(problemsOf(`${core}/odds-and-ends/x.ts`, `import { a } from '../kernel/call.ts'`)).toMatch(/has no floor/)
  expect(problemsOf(`${core}/retry/retry.ts`, `import { a } from './retry-budget'`)).toMatch(/must name the file/)
})
