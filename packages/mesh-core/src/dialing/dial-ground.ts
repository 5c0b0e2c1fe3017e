/** What connecting to an endpoint needs of a mesh, whose parts fit. */
import type { Clock } from '../kernel/clock.ts'
import type { IdentitySource } from '../kernel/identity.ts'
import type { Network } from '../kernel/network.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'

export interface DialGround {
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** null where all is plaintext. Read anew for each connection: it can turn out that there is none to be had. */
  readonly identity: IdentitySource | null
  /** Set in tests: connections are made within it instead of over sockets. */
  readonly network: Network | null
  /** One thing per mesh and key, made at first use. */
  once<T>(key: string, make: () => T): T
  /** Ties something to the mesh's end. */
  closeWith(thing: { close(): Promise<void> }, order: 'client'): void
}
