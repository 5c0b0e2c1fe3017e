/** The rule of floors: an import points down a floor or stays in its own room. */
import { importsOf } from './imports.ts'
import type { Source } from './source.ts'

const features = [
  'observe',
  'fallback',
  'deadline',
  'limit',
  'route',
  'wait-for-ready',
  'breaker',
  'health',
  'retry',
  'balance',
  'outlier',
  'access',
  'fault',
  'identity',
  'control',
  'serving',
]

/** The rooms of each package by floor; '' is a file directly in `src`. Two rooms of one floor never import each other. */
const floors: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'mesh-core': {
    kernel: 1,
    policy: 1,
    ...Object.fromEntries(features.map((feature) => [feature, 2])),
    stack: 3,
    dialing: 3,
    mesh: 4,
    '': 5,
    testing: 6,
  },
  'mesh-http': { client: 2, server: 2, '': 3 },
  'mesh-grpc': { client: 2, server: 2, '': 3 },
  'mesh-discovery': { consul: 3, dns: 3, '': 4 },
  'control-api': { observe: 1, store: 2, access: 3, authority: 3, check: 3, registry: 3, document: 4, routes: 5, '': 6, testing: 7 },
}

/** Files directly in `src` that are words of the package rather than a face of it, and stand below its rooms, each with its floor. */
const words: ReadonlyMap<string, number> = new Map([
  ['packages/mesh-http/src/reply.ts', 1],
  ['packages/mesh-http/src/status-verdict.ts', 1],
  ['packages/mesh-http/src/testing-control.ts', 1],
  ['packages/mesh-grpc/src/health-message.ts', 1],
  ['packages/mesh-grpc/src/incoming-messages.ts', 1],
  ['packages/mesh-grpc/src/reply.ts', 1],
  ['packages/mesh-grpc/src/status-verdict.ts', 1],
  ['packages/mesh-discovery/src/address.ts', 1],
  ['packages/mesh-discovery/src/held-endpoints.ts', 1],
  ['packages/mesh-discovery/src/refresh-loop.ts', 2],
  ['packages/control-api/src/clock.ts', 1],
  ['packages/control-api/src/tally.ts', 1],
])

interface Place {
  readonly package: string
  readonly room: string
  readonly floor: number | undefined
}

/** Every import that climbs, crosses to a neighbour or leaves its package by path. */
export function floorProblems(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap(({ specifier, path, line }) => {
      if (path === null) return []
      const problem = relativeProblem(source.path, path, specifier)
      return problem === null ? [] : [`${source.path}:${line}: ${problem}`]
    }),
  )
}

function relativeProblem(from: string, to: string, specifier: string): string | null {
  if (workspaceOf(from) !== workspaceOf(to)) return `"${specifier}" leaves its package: import the other's published face`
  if (!specifier.endsWith('.ts') && !specifier.endsWith('.json')) return `"${specifier}" must name the file, with ".ts"`
  const here = placeOf(from)
  const there = placeOf(to)
  if (here === null || there === null) return null
  if (here.floor === undefined) return `the room "${here.room}" of ${here.package} has no floor: give it one in test/house/floors.ts`
  if (there.floor === undefined) return `the room "${there.room}" of ${there.package} has no floor: give it one in test/house/floors.ts`
  if (here.room === there.room || there.floor < here.floor) return null
  // A test may stand on the fake clock and the scripted sends, whatever floor it tests.
  if (from.endsWith('.test.ts') && there.room === 'testing') return null
  const direction = there.floor === here.floor ? 'is on the same floor' : 'is above'
  return `"${specifier}" points at ${there.room || 'the face'}, which ${direction} (${here.room || 'face'} ${here.floor}, ${there.room || 'face'} ${there.floor})`
}

function placeOf(path: string): Place | null {
  const match = /^packages\/([^/]+)\/src\/(?:([^/]+)\/)?/.exec(path)
  if (match === null) return null
  const [, name = '', room = ''] = match
  const word = words.get(path)
  if (word !== undefined) return { package: name, room: path, floor: word }
  return { package: name, room, floor: floors[name]?.[room] }
}

/** The unit that is published or run on its own: `packages/x`, `examples/x`, `test`, `bench`. */
export function workspaceOf(path: string): string {
  const parts = path.split('/')
  return parts[0] === 'packages' || parts[0] === 'examples' ? parts.slice(0, 2).join('/') : (parts[0] as string)
}
