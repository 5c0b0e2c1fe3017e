/** What is known of a service's methods before they are called. */
import type { ServiceDefinition } from '@grpc/grpc-js'

/** One method. */
export interface MethodFacts {
  readonly unaryResponse: boolean
  /** True where a second execution does no harm. */
  readonly idempotent: boolean
}

/** The part of a definition that proto-loader adds: the options that stand with the method in the proto. */
interface DefinedMethod {
  readonly path: string
  readonly responseStream: boolean
  readonly options?: { readonly idempotency_level?: unknown }
}

// Of `google.protobuf.MethodOptions`; as a name or as a number, as the loader was told.
const harmless: ReadonlySet<unknown> = new Set(['NO_SIDE_EFFECTS', 'IDEMPOTENT', 1, 2])

/**
 * Reads a definition, by the paths of its methods.
 * @param idempotent methods by their names, besides those that the proto declares; true: all of them
 * @throws TypeError where it names a method that the definition has not
 */
export function methodTable(definition: ServiceDefinition, idempotent: readonly string[] | true): ReadonlyMap<string, MethodFacts> {
  const methods = Object.values(definition as Readonly<Record<string, DefinedMethod>>)
  const table = new Map<string, MethodFacts>()
  for (const { path, responseStream, options } of methods) {
    const isNamed = idempotent === true || idempotent.includes(methodName(path))
    table.set(path, { unaryResponse: !responseStream, idempotent: isNamed || harmless.has(options?.idempotency_level) })
  }
  const names = methods.map(({ path }) => methodName(path))
  const unknown = idempotent === true ? undefined : idempotent.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new TypeError(`idempotent: the service has no method ${unknown}; there are ${names.join(', ')}`)
  return table
}

/** The last segment of a path. */
export function methodName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
