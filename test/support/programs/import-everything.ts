/** Imports every face of the packages and says what of the process is not as it was. */
import { getEventListeners } from 'node:events'
import { createRequire } from 'node:module'

type Snapshot = Map<string, unknown>

function snapshot(): Snapshot {
  const seen: Snapshot = new Map()
  for (const key of Reflect.ownKeys(globalThis)) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, key) as PropertyDescriptor
    // Read only where reading makes nothing: the platform builds some of its globals at first sight.
    seen.set(`globalThis.${String(key)}`, descriptor.get ?? descriptor.value)
  }
  for (const name of process.eventNames()) seen.set(`listeners of ${String(name)}`, process.listenerCount(name))
  seen.set('active resources', process.getActiveResourcesInfo().sort().join(' '))
  for (const prototype of [Array.prototype, Object.prototype, Promise.prototype, Function.prototype]) {
    for (const key of Reflect.ownKeys(prototype)) {
      seen.set(`${prototype.constructor.name}.prototype.${String(key)}`, Object.getOwnPropertyDescriptor(prototype, key)?.value)
    }
  }
  return seen
}

function differences(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].filter((name) => !Object.is(before.get(name), after.get(name)))
}

const platformFetch = globalThis.fetch
const abort = new AbortController()
// At first sight of its Response the platform makes the dispatcher that serves its fetch.
new Response()
const before = snapshot()
await import('@zerohop/mesh-core')
await import('@zerohop/mesh-core/transport')
await import('@zerohop/mesh-core/policy')
await import('@zerohop/mesh-core/testing')
await import('@zerohop/mesh-http')
await import('@zerohop/mesh-http/testing')
await import('@zerohop/mesh-discovery')
const changed = differences(before, snapshot())
// Where the package undici puts its own dispatcher under the platform's fetch: Node 24 would notice, Node 26 by luck does not.
const installers = Object.keys(createRequire(import.meta.url).cache).filter((path) => /undici\/lib\/global\.js$/.test(path))
if (installers.length > 0) changed.push('the dispatcher of the platform')
if (globalThis.fetch !== platformFetch) changed.push('fetch')
if (getEventListeners(abort.signal, 'abort').length > 0) changed.push('abort signals')
console.log(JSON.stringify(changed))
