/** The rule of suppliers: which packages a file may import, by whom they are meant to be known. */
import { workspaceOf } from './floors.ts'
import { importsOf, packageOf } from './imports.ts'
import type { Source } from './source.ts'

/** Third-party packages and the only places under `packages/` that may know them. */
const confined: Readonly<Record<string, readonly string[]>> = {
  undici: ['packages/mesh-http/'],
  '@grpc/grpc-js': ['packages/mesh-grpc/'],
  '@peculiar/x509': ['packages/control-api/src/authority/'],
  'reflect-metadata': ['packages/control-api/src/authority/'],
  consul: ['packages/mesh-discovery/src/consul/'],
  'dns-packet': ['packages/mesh-discovery/src/dns/'],
  opossum: ['packages/mesh-core/src/breaker/'],
  'prom-client': ['packages/mesh-core/src/observe/', 'packages/control-api/src/observe/'],
  '@opentelemetry/api': ['packages/mesh-core/src/observe/'],
  '@opentelemetry/sdk-trace': ['packages/mesh-core/src/observe/'],
}

/** Packages that a single file of a workspace wraps for everybody else there. */
const wrappedOnce = ['prom-client', '@opentelemetry/api']

/** What a workspace declares, by its folder. */
export type Declarations = ReadonlyMap<string, { readonly run: ReadonlySet<string>; readonly develop: ReadonlySet<string> }>

const coreFaces = new Set(['@zerohop/mesh-core', '@zerohop/mesh-core/transport', '@zerohop/mesh-core/policy'])
const testingFace = '@zerohop/mesh-core/testing'

/** Every import of a package from a place that must not know it, or that does not declare it. */
export function supplierProblems(sources: readonly Source[], declared: Declarations): string[] {
  const problems: string[] = []
  const wrappers = new Map<string, Set<string>>()
  for (const source of sources) {
    for (const { specifier, path, line } of importsOf(source)) {
      if (path !== null || specifier.startsWith('node:')) continue
      const name = packageOf(specifier)
      if (wrappedOnce.includes(name) && !isTest(source.path)) {
        const key = `${name} of ${workspaceOf(source.path)}`
        wrappers.set(key, (wrappers.get(key) ?? new Set()).add(source.path))
      }
      const problem =
        siblingProblem(source.path, specifier) ?? placeProblem(source.path, name) ?? declarationProblem(source.path, name, declared)
      if (problem !== null) problems.push(`${source.path}:${line}: ${problem}`)
    }
  }
  for (const [name, files] of wrappers) {
    if (files.size > 1)
      problems.push(`${name.replace(/ of .*/, '')} is imported by ${[...files].sort().join(' and ')}: one file wraps it for all`)
  }
  return problems
}

function siblingProblem(path: string, specifier: string): string | null {
  if (!specifier.startsWith('@zerohop/') || !path.startsWith('packages/')) return null
  if (path.startsWith('packages/mesh-core/')) return `"${specifier}": mesh-core imports no other package of the mesh`
  if (coreFaces.has(specifier)) return null
  if (specifier === testingFace)
    return isTest(path) || path.endsWith('/testing.ts') || path.includes('/src/testing/') ? null : `"${specifier}" is for tests only`
  return `"${specifier}": packages beside each other never import each other, and core only by its published faces`
}

function placeProblem(path: string, name: string): string | null {
  const places = confined[name]
  if (places === undefined || !path.startsWith('packages/') || places.some((place) => path.startsWith(place))) return null
  return `"${name}" may be imported below ${places.join(' and ')} only`
}

function declarationProblem(path: string, name: string, declared: Declarations): string | null {
  const workspace = declared.get(workspaceOf(path))
  const everywhere = declared.get('')
  if (workspace?.run.has(name)) return null
  const forDevelopment = isTest(path) || !path.startsWith('packages/')
  if (forDevelopment && (workspace?.develop.has(name) || everywhere?.develop.has(name))) return null
  return `"${name}" is not declared in the package.json of ${workspaceOf(path)}`
}

function isTest(path: string): boolean {
  return /(\.test|-under-test)\.ts$/.test(path) || path.startsWith('test/')
}
