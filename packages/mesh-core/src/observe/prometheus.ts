/** Shows a meter in Prometheus' text format. */
import { type Metric, type MetricObjectWithValues, type MetricValueWithName, Registry } from 'prom-client'
import type { CallCell, CellLabels } from './cell.ts'
import { bucketBoundsMs, type Latency } from './latency.ts'
import type { Meter, MetricSource } from './meter.ts'

/** The meter's page of metrics, read now. */
export function renderMetrics(meter: Meter): Promise<string> {
  return metricsRegistry(meter).metrics()
}

/**
 * A registry of this meter's metrics and nothing else, read at every scrape; `Registry.merge` joins it with a program's own. Holds the
 * sources that the meter has now.
 */
export function metricsRegistry(meter: Meter): Registry {
  const registry = new Registry()
  for (const metric of ownMetrics(meter)) registry.registerMetric(metric as unknown as Metric)
  for (const source of meter.sources) {
    const metric = new ReadMetric(source.kind, source.name, { help: source.help, read: () => samplesOf(source) })
    registry.registerMetric(metric as unknown as Metric)
  }
  return registry
}

function ownMetrics(meter: Meter): ReadMetric[] {
  const callDuration = 'zerohop_call_duration_seconds'
  const attemptDuration = 'zerohop_attempt_duration_seconds'
  return [
    new ReadMetric('counter', 'zerohop_calls_total', { help: 'Whole calls by what became of them.', read: () => countsOf(meter.calls()) }),
    new ReadMetric('counter', 'zerohop_call_retries_total', {
      help: 'Attempts of calls beyond the first.',
      read: () => retriesOf(meter.calls()),
    }),
    new ReadMetric('histogram', callDuration, {
      help: 'From the start of a call to the last byte of its answer, waiting and retries included; calls that their caller gave up are left out.',
      read: () => durationsOf(callDuration, meter.calls()),
    }),
    new ReadMetric('counter', 'zerohop_attempts_total', {
      help: 'Attempts by what became of them.',
      read: () => countsOf(meter.attempts()),
    }),
    new ReadMetric('histogram', attemptDuration, {
      help: 'From the start of an attempt to the head of its answer; attempts that the caller gave up are left out.',
      read: () => durationsOf(attemptDuration, meter.attempts()),
    }),
  ]
}

/** One line of the page. Shared labels are written out once for all lines that share the object. */
interface Line {
  readonly labels: Record<string, string>
  readonly sharedLabels?: Readonly<Record<string, string>>
  readonly value: number
  readonly metricName?: string
}

/** What the registry asks of a metric; the values are read when it does. */
class ReadMetric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  // The registry rewrites a counter's name when it serves OpenMetrics, and expects to find it rewritten.
  name: string
  readonly help: string
  readonly aggregator = 'sum'
  readonly #read: () => Iterable<Line>

  constructor(type: ReadMetric['type'], name: string, shown: { help: string; read: () => Iterable<Line> }) {
    this.type = type
    this.name = name
    this.help = shown.help
    this.#read = shown.read
  }

  getForPromString(): { name: string; help: string; type: string; values: Line[] } {
    return { name: this.name, help: this.help, type: this.type, values: [...this.#read()] }
  }

  get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const values = [...this.#read()].map((line) => ({
      labels: { ...line.sharedLabels, ...line.labels },
      value: line.value,
      metricName: line.metricName,
    }))
    return Promise.resolve({ ...this.getForPromString(), aggregator: this.aggregator, values } as never)
  }

  /** Counters of a mesh only grow: a registry's reset leaves them alone. */
  reset(): void {}
}

function* samplesOf(source: MetricSource): Generator<Line> {
  for (const sample of source.collect()) yield { labels: sample.labels as Record<string, string>, value: sample.value }
}

type ShownCell = Pick<CallCell, 'labels' | 'counts' | 'answered' | 'failed'>

function* countsOf(cells: Iterable<ShownCell>): Generator<Line> {
  for (const cell of cells) {
    const sharedLabels = shownLabels(cell.labels)
    for (const { verdict, status, count } of cell.counts()) yield { labels: { verdict, status }, sharedLabels, value: count }
  }
}

function* retriesOf(cells: Iterable<CallCell>): Generator<Line> {
  for (const cell of cells) {
    if (cell.labels.direction === 'outbound') yield { labels: {}, sharedLabels: shownLabels(cell.labels), value: cell.retries }
  }
}

function* durationsOf(name: string, cells: Iterable<ShownCell>): Generator<Line> {
  for (const cell of cells) {
    yield* histogram(name, { ...shownLabels(cell.labels), result: 'answered' }, cell.answered)
    yield* histogram(name, { ...shownLabels(cell.labels), result: 'failed' }, cell.failed)
  }
}

const boundTexts = [...bucketBoundsMs.map((ms) => String(ms / 1000)), '+Inf']

/** The lines of one histogram; none while it is empty. */
function* histogram(name: string, sharedLabels: Readonly<Record<string, string>>, latency: Latency): Generator<Line> {
  let total = 0
  for (const count of latency.counts) total += count
  if (total === 0) return
  let upTo = 0
  for (let at = 0; at < boundTexts.length; at++) {
    upTo += latency.counts[at] as number
    yield { metricName: `${name}_bucket`, labels: { le: boundTexts[at] as string }, sharedLabels, value: upTo }
  }
  yield { metricName: `${name}_sum`, labels: {}, sharedLabels, value: latency.sumMs / 1000 }
  yield { metricName: `${name}_count`, labels: {}, sharedLabels, value: total }
}

function shownLabels(labels: CellLabels): Record<string, string> {
  return labels.version === ''
    ? { direction: labels.direction, protocol: labels.protocol, service: labels.service }
    : { direction: labels.direction, protocol: labels.protocol, service: labels.service, version: labels.version }
}
