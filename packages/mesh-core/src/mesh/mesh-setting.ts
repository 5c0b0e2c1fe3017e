/** What a mesh stands on: the process's own time, chance and network, or a test's. */
import { type Clock, type Random, systemClock } from '../kernel/clock.ts'
import type { Network } from '../kernel/network.ts'

/** What a mesh stands on in place of the process's own: how a test gets virtual time, a seed, and a network without sockets. */
export interface MeshSetting {
  readonly clock: Clock
  /** Draws endpoints, versions and faults. */
  readonly random: Random
  /** Draws the pauses between attempts: 0 is the shortest that full jitter allows, which is none. */
  readonly jitter: Random
  readonly network: Network | null
  /** Milliseconds since 1970, by which certificates are judged. Default: the process's own. */
  readonly wallNow?: () => number
}

/** The process's own. */
export const processSetting: MeshSetting = { clock: systemClock, random: Math.random, jitter: Math.random, network: null }
