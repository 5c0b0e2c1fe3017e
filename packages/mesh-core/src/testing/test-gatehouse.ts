/** What access knows besides a policy, for tests: with a log that keeps its lines. */
import type { Gatehouse } from '../access/access.ts'
import { VisitorBook } from '../access/visitor-book.ts'
import type { Clock } from '../kernel/clock.ts'
import { SpacedLog } from '../kernel/spaced-log.ts'

/** A gatehouse, and what it said. */
export interface TestGatehouse extends Gatehouse {
  readonly lines: readonly string[]
}

/** @param takesMtls whether callers could come by mutual TLS */
export function testGatehouse(clock: Clock, takesMtls = true): TestGatehouse {
  const lines: string[] = []
  return {
    book: new VisitorBook(),
    log: new SpacedLog({ info: () => {}, warn: (line) => lines.push(line), error: () => {} }, clock),
    takesMtls,
    lines,
  }
}
