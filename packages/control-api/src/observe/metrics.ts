/** What the control API tells Prometheus; the one file that knows prom-client. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** One series' labels. */
export type Labels = Readonly<Record<string, string>>

/** Counts from the start of the process. */
export interface Count {
  add(labels?: Labels, by?: number): void
}

/** How long something took. */
export interface Durations {
  observe(seconds: number, labels?: Labels): void
}

/** One value of a gauge. */
export interface Reading {
  readonly labels?: Labels
  readonly value: number
}

/** The metrics of one control API, apart from all others of the process. */
export class Metrics {
  readonly #registry = new Registry()
  readonly contentType = this.#registry.contentType

  /** A counter; its name ends in `_total`. */
  counter(name: string, help: string, labelNames: readonly string[] = []): Count {
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry] })
    return { add: (labels = {}, by = 1) => counter.inc(labels, by) }
  }

  /** A gauge that is read when somebody asks. */
  gauge(name: string, help: string, read: () => Iterable<Reading> | number): void {
    const labelNames: string[] = []
    const registers = [this.#registry]
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        const readings = read()
        if (typeof readings === 'number') return this.set(readings)
        // A reset gauge that has not seen a label yet has one series without.
        if (labelNames.length === 0) this.remove()
        for (const { labels = {}, value } of readings) {
          for (const label of Object.keys(labels)) if (!labelNames.includes(label)) labelNames.push(label)
          this.set(labels, value)
        }
      },
    })
  }

  /** Seconds in buckets. */
  durations(name: string, help: string, options: { readonly labels?: readonly string[]; readonly buckets: readonly number[] }): Durations {
    const histogram = new Histogram({
      name,
      help,
      labelNames: options.labels ?? [],
      buckets: [...options.buckets],
      registers: [this.#registry],
    })
    return { observe: (seconds, labels = {}) => histogram.observe(labels, seconds) }
  }

  /** The page as Prometheus reads it. */
  page(): Promise<string> {
    return this.#registry.metrics()
  }
}
