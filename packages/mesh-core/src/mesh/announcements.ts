/** Tells the log and whoever listens of the rare changes of a mesh. */
import type { Log } from '../kernel/log.ts'
import type { StateListener } from '../stack/standing-state.ts'
import type { MeshEvents } from './mesh-face.ts'

type Listeners = { readonly [E in keyof MeshEvents]: Set<(event: MeshEvents[E]) => void> }

/** The listeners of one mesh. */
export class Announcements {
  readonly #log: Log
  readonly #listeners: Listeners = {
    policy: new Set(),
    endpoints: new Set(),
    breaker: new Set(),
    outlier: new Set(),
    health: new Set(),
    identity: new Set(),
  }

  constructor(log: Log) {
    this.#log = log
  }

  /** Follows an event; returns how to stop. @throws TypeError for an event that there is not */
  on<E extends keyof MeshEvents>(event: E, listener: (event: MeshEvents[E]) => void): () => void {
    if (!Object.hasOwn(this.#listeners, event)) {
      throw new TypeError(`mesh.on: there is no event "${String(event)}", only ${Object.keys(this.#listeners).join(', ')}`)
    }
    // Wrapped, so that the same function given twice is told twice and stopped apart.
    const own = (detail: MeshEvents[E]): void => listener(detail)
    this.#listeners[event].add(own)
    return () => this.#listeners[event].delete(own)
  }

  /** Tells every listener, also those after one that throws. */
  emit<E extends keyof MeshEvents>(event: E, detail: MeshEvents[E]): void {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(detail)
      } catch (error) {
        // A listener is a bystander: what it throws must not stop a policy half way.
        this.#log.error(`a listener of "${event}" threw: ${String(error)}`)
      }
    }
  }

  /** Nobody is told of anything any more. */
  close(): void {
    for (const listeners of Object.values(this.#listeners)) listeners.clear()
  }

  /** Says what moves in the state of one service. */
  of(service: string): StateListener {
    return {
      breaker: (version, state, reason) => {
        const name = version === '' ? service : `${service} ${version}`
        if (state !== 'probing') this.#log.warn(`breaker of ${name} ${state}: ${reason}`)
        this.emit('breaker', { service, version, state, reason })
      },
      outlier: (endpoint, state, reason) => {
        if (state !== 'probing') this.#log.warn(`${service} ${endpoint} ${state}: ${reason}`)
        this.emit('outlier', { service, endpoint, state, reason })
      },
      health: (endpoint, healthy, reason) => {
        this.#log.warn(`${service} ${endpoint} ${healthy ? 'healthy' : 'unhealthy'}: ${reason}`)
        this.emit('health', { service, endpoint, healthy, reason })
      },
      endpoints: (count) => this.emit('endpoints', { service, count }),
      problem: (sentence) => this.#log.error(`discovery of ${service}: ${sentence}`),
    }
  }
}
