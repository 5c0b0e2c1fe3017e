/** The metrics that are read from standing state when somebody scrapes. */
import type { Control } from '../control/control.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Meter, Sample } from '../observe/meter.ts'
import type { KnownService, ServiceTable } from './service-table.ts'

/** Adds the gauges of everything that a mesh's services hold. */
export function registerGauges(meter: Meter, table: ServiceTable, clock: Clock): void {
  const perService = (read: (known: KnownService) => number) =>
    function* (): Generator<Sample> {
      for (const known of table.met) yield { labels: { service: known.service }, value: read(known) }
    }
  meter.gauge(
    'zerohop_calls_in_flight',
    'Calls to a service under way.',
    perService(({ state }) => state.gate.inFlight),
  )
  meter.gauge(
    'zerohop_calls_queued',
    'Calls waiting for the limit of a service.',
    perService(({ state }) => state.gate.queued),
  )
  meter.gauge(
    'zerohop_retry_budget_left',
    'Retries that could be made now.',
    perService(({ state }) => state.budget.left(clock.now())),
  )
  meter.gauge('zerohop_endpoints', 'Endpoints of a service, by state.', function* () {
    for (const { service, state } of table.met) {
      const counts = { in: 0, ejected: 0, avoided: 0, unhealthy: 0 }
      for (const endpoint of state.endpoints.all) counts[standingOf(endpoint)]++
      for (const [standing, value] of Object.entries(counts)) yield { labels: { service, state: standing }, value }
    }
  })
  meter.gauge('zerohop_breaker_state', 'State of a breaker: 0 closed, 1 open, 2 letting a probe through.', function* () {
    for (const known of table.met) {
      for (const [version, circuit] of known.state.circuits) {
        const value = circuit.state === 'closed' ? 0 : circuit.state === 'open' ? 1 : 2
        yield { labels: { service: known.service, version }, value }
      }
    }
  })
}

function standingOf(endpoint: Endpoint): 'in' | 'ejected' | 'avoided' | 'unhealthy' {
  if (endpoint.guard?.out === true) return 'ejected'
  if (!endpoint.healthy) return 'unhealthy'
  return endpoint.avoided ? 'avoided' : 'in'
}

/** Adds what there is to know of the way to a control API. */
export function registerControlMetrics(meter: Meter, control: Control): void {
  const { counts } = control
  const one = (read: () => number) => (): Sample[] => [{ labels: {}, value: read() }]
  const by = (label: string, values: ReadonlyMap<string, number>) => (): Sample[] =>
    [...values].map(([key, value]) => ({ labels: { [label]: key }, value }))
  meter.gauge(
    'zerohop_control_connected',
    '1 while the last exchange with the control API went well.',
    one(() => Number(control.isConnected)),
  )
  meter.gauge(
    'zerohop_policy_age_seconds',
    'Since the document in force was last confirmed; -1 while there is none.',
    one(() => (control.ageMs === -1 ? -1 : control.ageMs / 1000)),
  )
  meter.gauge(
    'zerohop_control_endpoints_held',
    'Services whose endpoints are kept though the control API does not list them any more.',
    one(() => control.held.length),
  )
  meter.counter('zerohop_control_polls_total', 'Polls by what became of them.', by('result', counts.polls))
  meter.counter('zerohop_control_failures_total', 'Polls that brought nothing, by reason.', by('reason', counts.failures))
  meter.counter(
    'zerohop_control_refused_total',
    'Documents and files that were refused, by reason; what held before stays.',
    by('reason', counts.refusals),
  )
}
