/** A process full of watchers for `bench control`: half of them with one set of services, half with sets of their own. */

import { createMesh } from '@zerohop/mesh-core'
import type { ControlDocument } from '@zerohop/mesh-core/policy'
import { type Identity, partsOf } from '@zerohop/mesh-core/transport'
import { Watcher } from './control-watcher.ts'

/** What the process is asked for. */
export type WatchersAsk =
  | {
      readonly do: 'start'
      readonly port: number
      readonly token: string
      readonly from: number
      readonly count: number
      readonly services: number
      /** Over mutual TLS. */
      readonly tls: boolean
    }
  | { readonly do: 'expect'; readonly revision: number }
  | { readonly do: 'stop' }

/** What it answers: when the last of its watchers held what was asked for, in milliseconds since 1970. */
export interface WatchersAnswer {
  readonly lastAt: number
}

// The control API listens on all of 127.0.0.0/8: each address has 28,000 ports of its own.
const watchersOfAddress = 2000
const abreast = 50
const setSize = 10

const watchers: Watcher[] = []
const revisions = new Map<Watcher, number>()
let expected = 0
let missing = 0

function adopted(watcher: Watcher, document: ControlDocument): void {
  const before = revisions.get(watcher) ?? -1
  revisions.set(watcher, document.revision)
  if (before >= expected || document.revision < expected) return
  missing -= 1
  if (missing === 0) process.send?.({ lastAt: performance.timeOrigin + performance.now() } satisfies WatchersAnswer)
}

function usesOf(n: number, services: number): string[] {
  const isOwn = n % 2 === 1
  const others = Array.from({ length: setSize - 1 }, (_, at) => `service-${(isOwn ? n * 7 + at * (1 + (n % 13)) : at) % services}`)
  return ['payment', ...new Set(others)]
}

/** The certificate of this process, as a service gets it. */
async function issued(port: number, token: string): Promise<Identity> {
  await using mesh = createMesh({ service: 'watcher', control: `https://localhost:${port}`, token, lastGood: false })
  await mesh.ready()
  const identity = partsOf(mesh).identity?.current
  if (identity === undefined) throw new Error('the control API issued no certificate')
  return identity
}

async function start({ port, token, from, count, services, tls }: Extract<WatchersAsk, { do: 'start' }>): Promise<void> {
  missing = count
  const identity = tls ? await issued(port, token) : null
  const all = Array.from({ length: count }, (_, at) => {
    const n = from + at
    const host = `127.0.0.${1 + Math.floor(n / watchersOfAddress)}`
    return new Watcher({ port, token, identity, host, instance: `watcher-${n}`, uses: usesOf(n, services), onDocument: adopted })
  })
  watchers.push(...all)
  const line = all[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (const watcher of line) await watcher.start()
  }
  await Promise.all(Array.from({ length: abreast }, lane))
}

process.on('message', (ask: WatchersAsk) => {
  if (ask.do === 'start') void start(ask)
  else if (ask.do === 'expect') {
    expected = ask.revision
    missing = watchers.length
    process.send?.('ready')
  } else {
    for (const watcher of watchers) watcher.stop()
    process.exit()
  }
})
process.on('disconnect', () => process.exit())
