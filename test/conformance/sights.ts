/** Looks at the mesh and at the service, and compares with what a case says must be seen. */
import type { Mesh, ServiceExplanation } from '@zerohop/mesh-core'
import { expect } from 'vitest'
import type { Sight, VisitorsSight } from './case.ts'
import { host } from './seen.ts'
import type { Arrival, Stage } from './stage.ts'

type Range = readonly [least: number, most: number]

/** Moves of breakers and endpoints, in their order. */
export class MoveLog {
  readonly moves: string[] = []

  constructor(mesh: Mesh) {
    mesh.on('breaker', ({ version, state }) => this.moves.push(`breaker ${version} ${state}`.replace('  ', ' ')))
    mesh.on('outlier', ({ state }) => this.moves.push(`endpoint ${state}`))
    mesh.on('health', ({ healthy }) => this.moves.push(healthy ? 'endpoint healthy' : 'endpoint unhealthy'))
  }
}

/** Waits, where time is real, until everything is as `sight` says. */
export async function expectSight(sight: Sight, stage: Stage, log: MoveLog): Promise<void> {
  for (const giveUpAt = stage.now() + 2 * stage.slackMs; ; await stage.pass(5)) {
    await stage.pass(0)
    try {
      await look(sight, stage, log)
      return
    } catch (error) {
      if (stage.now() >= giveUpAt) throw error
    }
  }
}

/** What the mesh says of the service of cases; undefined where it does not know it. */
export function explained(mesh: Mesh): ServiceExplanation | undefined {
  return mesh.explain(host).services[0]
}

/** The values of a metric about the service of cases, summed by a label. */
export async function valuesOf(mesh: Mesh, metric: string, label: string): Promise<Record<string, number>> {
  const values: Record<string, number> = {}
  for (const line of (await mesh.metrics()).split('\n')) {
    if (!line.startsWith(`${metric}{`) || !line.includes(`service="${host}"`)) continue
    const key = new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1] ?? ''
    values[key] = (values[key] ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return values
}

async function look(sight: Sight, stage: Stage, log: MoveLog): Promise<void> {
  if (sight.visitors !== undefined) lookAtVisitors(sight.visitors, stage.reception.mesh)
  lookAtService(sight, stage)
  const { breakers, endpoints, now } = explained(stage.mesh) as ServiceExplanation
  if (sight.breakers !== undefined) {
    expect(Object.fromEntries(breakers.map(({ version, state }) => [version, state])), 'breakers').toEqual(sight.breakers)
  }
  if (sight.endpoints !== undefined) {
    expect(endpoints.map(({ state }) => state.split(':', 1)[0]).sort(), 'endpoints').toEqual([...sight.endpoints].sort())
  }
  if (sight.inFlight !== undefined) expect(now.inFlight, 'calls under way').toBe(sight.inFlight)
  if (sight.queued !== undefined) expect(now.queued, 'calls that wait').toBe(sight.queued)
  if (sight.retriesLeft !== undefined) expect(now.retriesLeft, 'retries left').toBe(sight.retriesLeft)
  if (sight.moves !== undefined) expect(log.moves, 'moves').toEqual(sight.moves)
  if (sight.retries !== undefined) {
    within((await valuesOf(stage.mesh, 'zerohop_call_retries_total', 'service'))[host] ?? 0, sight.retries, 'retries')
  }
  if (sight.attempts !== undefined) {
    expect(await valuesOf(stage.mesh, 'zerohop_attempts_total', 'verdict'), 'attempts by verdict').toEqual(sight.attempts)
  }
}

function lookAtService(sight: Sight, { arrivals, slackMs, wire }: Stage): void {
  const executed = arrivals.filter((arrival) => arrival.executed)
  if (sight.executions !== undefined) within(executed.length, sight.executions, 'executions')
  for (const [instance, wanted] of (sight.executionsOn ?? []).entries()) {
    within(executed.filter((arrival) => arrival.instance === instance).length, wanted, `executions on instance ${instance}`)
  }
  if (sight.executionsSorted !== undefined) {
    const counts = sight.executionsSorted.map((_, instance) => executed.filter((arrival) => arrival.instance === instance).length)
    expect(counts.sort(), 'executions by instance, sorted').toEqual(sight.executionsSorted)
  }
  if (sight.arrivals !== undefined) expect(arrivals.length, 'arrivals').toBe(sight.arrivals)
  if (sight.allElsewhere) expect(new Set(arrivals.map(({ instance }) => instance)).size, 'instances that were tried').toBe(arrivals.length)
  if (sight.attemptsTold !== undefined)
    expect(
      arrivals.map(({ attempt }) => attempt),
      'attempts told',
    ).toEqual(wire.countsUnseen ? sight.attemptsTold : sight.attemptsTold.map((told, n) => told - unseenBefore(arrivals, told, n)))
  for (const [n, [least, most]] of (sight.timesTold ?? []).entries()) {
    // A busy machine takes from the time that is left.
    within(arrivals[n]?.timeMs ?? Number.NaN, [least < 0 ? least : Math.max(1, least - slackMs), most], `time told to arrival ${n}`)
  }
  for (const [n, [least, most]] of (sight.gaps ?? []).entries()) {
    const gap = (arrivals[n + 1]?.at ?? Number.NaN) - (arrivals[n]?.at ?? 0)
    // The earlier one may have been late as well.
    within(gap, [least - slackMs / 5, most + slackMs], `ms between arrivals ${n} and ${n + 1}`)
  }
  if (sight.spanned !== undefined)
    within((arrivals.at(-1)?.at ?? 0) - (arrivals[0]?.at ?? 0), sight.spanned, 'ms from first to last arrival')
  if (sight.trace !== undefined) lookAtTrace(sight.trace, arrivals)
  if (sight.baggage !== undefined) for (const arrival of arrivals) expect(arrival.baggage, 'baggage').toBe(sight.baggage)
}

function lookAtVisitors({ plaintext, refused, wouldRefuse }: VisitorsSight, mesh: Mesh): void {
  const seen = mesh.explain().visitors
  const sum = (visitors: readonly { calls: number }[]): number => visitors.reduce((all, { calls }) => all + calls, 0)
  const byReason = (visitors: (typeof seen)['refused']): Record<string, number> =>
    Object.fromEntries(visitors.map(({ reason }) => [reason, sum(visitors.filter((one) => one.reason === reason))]))
  if (plaintext !== undefined) expect(sum(seen.plaintext), 'calls in plaintext').toBe(plaintext)
  if (refused !== undefined) expect(byReason(seen.refused), 'visitors turned away').toEqual(refused)
  if (wouldRefuse !== undefined) expect(byReason(seen.wouldRefuse), 'visitors that would be turned away').toEqual(wouldRefuse)
}

function lookAtTrace(trace: string, arrivals: readonly Arrival[]): void {
  const traces = new Set(arrivals.map((arrival) => arrival.trace))
  expect(traces.size, 'traces').toBe(1)
  expect([...traces][0], 'the trace').toMatch(trace === 'one' ? /^[0-9a-f]{32}$/ : trace)
  expect(new Set(arrivals.map(({ span }) => span)).size, 'spans').toBe(arrivals.length)
}

function within(value: number, wanted: number | Range, what: string): void {
  const [least, most] = typeof wanted === 'number' ? [wanted, wanted] : wanted
  expect(value, what).toBeGreaterThanOrEqual(least)
  expect(value, what).toBeLessThanOrEqual(most)
}

/** Of the attempts before the `attempt`th of a call, which arrived as the `n`th, those that reached no handler. */
function unseenBefore(arrivals: readonly Arrival[], attempt: number, n: number): number {
  return arrivals.slice(n + 1 - attempt, n).filter(({ executed }) => !executed).length
}
