/** Packages are imported only where they are meant to be known. */
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { projectFiles, projectSources, projectText, sourceOf } from './source.ts'
import { type Declarations, supplierProblems } from './suppliers.ts'

function declaredByWorkspace(): Declarations {
  const manifests = projectFiles().filter((path) => path === 'package.json' || path.endsWith('/package.json'))
  return new Map(
    manifests.map((path) => {
      const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = JSON.parse(projectText(path))
      const folder = dirname(path) === '.' ? '' : dirname(path)
      return [
        folder,
        { run: new Set(Object.keys({ ...dependencies, ...peerDependencies })), develop: new Set(Object.keys(devDependencies)) },
      ]
    }),
  )
}

const declared: Declarations = new Map([
  ['', { run: new Set<string>(), develop: new Set(['vitest']) }],
  ['packages/mesh-core', { run: new Set(['opossum', 'prom-client', 'undici', '@opentelemetry/api']), develop: new Set<string>() }],
  ['packages/mesh-http', { run: new Set(['@zerohop/mesh-core', '@zerohop/mesh-discovery']), develop: new Set<string>() }],
])

function problemsOf(...files: [path: string, text: string][]): string {
  return supplierProblems(
    files.map(([path, text]) => sourceOf(path, text)),
    declared,
  ).join('\n')
}

test('every package that the project imports is declared, and known only where it belongs', () => {
  expect(supplierProblems(projectSources(), declaredByWorkspace())).toEqual([])
})

test('undici outside of mesh-http and opossum outside of breaker are seen', () => {
  expect(problemsOf(['packages/mesh-core/src/mesh/mesh.ts', `import { Agent } from 'undici'`])).toMatch(
    /"undici" may be imported below packages\/mesh-http/,
  )
  expect(problemsOf(['packages/mesh-core/src/retry/retry.ts', `import Breaker from 'opossum'`])).toMatch(/"opossum" may be imported below/)
  expect(problemsOf(['packages/mesh-core/src/breaker/circuit.ts', `import Breaker from 'opossum'`])).toBe('')
})

test('a second file that imports prom-client or OpenTelemetry is seen', () => {
  const text = `import { Registry } from 'prom-client'`
  expect(problemsOf(['packages/mesh-core/src/observe/prometheus.ts', text])).toBe('')
  expect(problemsOf(['packages/mesh-core/src/observe/prometheus.ts', text], ['packages/mesh-core/src/observe/meter.ts', text])).toMatch(
    /one file wraps it/,
  )
})

test('packages beside each other do not import each other, and core by its faces only', () => {
  const path = 'packages/mesh-http/src/client/http-send.ts'
  expect(problemsOf([path, `import { a } from '@zerohop/mesh-discovery'`])).toMatch(/beside each other/)
  expect(problemsOf([path, `import { a } from '@zerohop/mesh-core/src/kernel/call.ts'`])).toMatch(/beside each other/)
  expect(problemsOf([path, `import { a } from '@zerohop/mesh-core/testing'`])).toMatch(/for tests only/)
  expect(problemsOf([path, `import { a } from '@zerohop/mesh-core/transport'`])).toBe('')
  expect(problemsOf(['packages/mesh-core/src/mesh/mesh.ts', `import { a } from '@zerohop/mesh-http'`])).toMatch(
    /no other package of the mesh/,
  )
})

test('a package that is not declared is seen, and one declared for development only in published code', () => {
  expect(problemsOf(['packages/mesh-http/src/index.ts', `import fastify from 'fastify'`])).toMatch(/"fastify" is not declared/)
  expect(problemsOf(['packages/mesh-http/src/index.ts', `import { test } from 'vitest'`])).toMatch(/"vitest" is not declared/)
  expect(problemsOf(['packages/mesh-http/src/index.test.ts', `import { test } from 'vitest'`])).toBe('')
  expect(problemsOf(['packages/mesh-http/src/index.ts', `import fs from 'fs'`])).toMatch(/"fs" is not declared/)
})
