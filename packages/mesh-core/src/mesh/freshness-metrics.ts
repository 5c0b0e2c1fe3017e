/** What a source of endpoints tells of itself, as metrics. */
import type { Discovery, Freshness } from '../kernel/discovery.ts'
import type { Meter, Sample } from '../observe/meter.ts'

/** Adds age, failures and held endpoints of every service that a source follows; nothing for a source that cannot be out of date. */
export function registerFreshness(meter: Meter, discovery: Discovery): void {
  const each = (read: (freshness: Freshness) => number) =>
    function* (): Generator<Sample> {
      for (const known of discovery.freshness?.() ?? []) {
        yield { labels: { source: known.source, service: known.service }, value: read(known) }
      }
    }
  meter.gauge(
    'zerohop_discovery_age_seconds',
    'Since the registry last confirmed the endpoints of a service; -1 while it never has.',
    each(({ ageMs }) => (ageMs === -1 ? -1 : ageMs / 1000)),
  )
  meter.gauge(
    'zerohop_discovery_held',
    'Endpoints of a service that are kept though the registry does not list them any more.',
    each(({ held }) => held),
  )
  meter.counter(
    'zerohop_discovery_failures_total',
    'Questions to the registry that brought no answer.',
    each(({ failures }) => failures),
  )
}
