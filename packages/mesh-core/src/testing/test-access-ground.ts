/** What access knows besides a policy, for tests: with a log that keeps its lines. */
import type { AccessGround } from '../access/access.ts'
import { AccessCounts } from '../access/access-counts.ts'
import type { Clock } from '../kernel/clock.ts'
import { SpacedLog } from '../kernel/spaced-log.ts'

/** It, and what it said. */
export interface TestAccessGround extends AccessGround {
  readonly lines: readonly string[]
}

/** @param takesMtls whether callers could come by mutual TLS */
export function testAccessGround(clock: Clock, takesMtls = true): TestAccessGround {
  const lines: string[] = []
  return {
    counts: new AccessCounts(),
    log: new SpacedLog({ info: () => {}, warn: (line) => lines.push(line), error: () => {} }, clock),
    takesMtls,
    policyMissing: null,
    lines,
  }
}
