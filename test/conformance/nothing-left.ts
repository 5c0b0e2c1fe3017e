/** What must hold once all calls are over: no slot, timer, listener, probe or busy connection is left. */
import { partsOf } from '@zerohop/mesh-core/transport'
import { expect } from 'vitest'
import type { PlacedCall } from './placed-call.ts'
import { explained } from './sights.ts'
import type { Stage } from './stage.ts'

// Longer than what a reply that nobody reads may take to drain, 1 s.
const longestMs = 1500

/** Everything that calls held and have not given back; null where there is nothing. */
function left(stage: Stage, calls: readonly PlacedCall[]): Record<string, number> | null {
  // A mesh that was closed before its first call never met the service.
  const { now, endpoints, breakers } = explained(stage.mesh) ?? { now: { inFlight: 0, queued: 0 }, endpoints: [], breakers: [] }
  const counts = {
    'calls under way': now.inFlight,
    'calls in line': now.queued,
    'attempts under way': endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
    'probes of endpoints': endpoints.filter(({ state }) => state.startsWith('probing')).length,
    'probes of breakers': breakers.filter(({ state }) => state === 'probing').length,
    alarms: partsOf(stage.mesh).wheel.armed,
    listeners: calls.reduce((sum, call) => sum + call.listeners, 0),
    'busy connections': stage.busy(),
  }
  const found = Object.entries(counts).filter(([, count]) => count !== 0)
  return found.length === 0 ? null : Object.fromEntries(found)
}

/** Waits until nothing is left; asserts that nothing is. */
export async function expectNothingLeft(stage: Stage, calls: readonly PlacedCall[]): Promise<void> {
  await stage.until(() => left(stage, calls) === null, longestMs)
  expect(left(stage, calls), 'what is left when all calls are over').toBeNull()
}
