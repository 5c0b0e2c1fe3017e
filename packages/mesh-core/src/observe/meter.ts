/** Everything that one mesh counts, kept until somebody asks. */
import type { Clock } from '../kernel/clock.ts'
import { AttemptCells } from './attempt-cells.ts'
import { type AttemptCell, CallCell } from './cell.ts'
import { StatusTable } from './status-table.ts'

/** One value of a metric that is read when asked for. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric whose values somebody else keeps, read anew for every scrape. */
export interface MetricSource {
  readonly kind: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  collect(): Iterable<Sample>
}

export interface MeterOptions {
  readonly clock: Clock
  /** Services with cells of their own, 10,000 by default; calls to further ones are counted together as `other`. */
  readonly maxServices?: number
}

interface ServiceCells {
  readonly calls: CallCell[]
  readonly attempts: AttemptCells[]
}

// A page of metrics beyond that is read by nobody.
const defaultMaxServices = 10_000
const other = 'other'

/** One per mesh. Cells are found when a stack is compiled, never per call. */
export class Meter {
  /** Metrics that others keep, in the order in which they were added. */
  readonly sources: MetricSource[] = []
  readonly #services = new Map<string, ServiceCells>()
  readonly #statuses = new StatusTable()
  readonly #clock: Clock
  readonly #maxServices: number

  constructor(options: MeterOptions) {
    this.#clock = options.clock
    this.#maxServices = options.maxServices ?? defaultMaxServices
  }

  /** The cell of whole calls; the same one whenever asked. Signed up with the time at which the call started. */
  call(direction: 'inbound' | 'outbound', protocol: string, service: string): CallCell {
    const { of, name } = this.#of(service)
    for (const cell of of.calls) {
      if (cell.labels.direction === direction && cell.labels.protocol === protocol) return cell
    }
    const cell = new CallCell({ direction, protocol, service: name, version: '' }, this.#statuses, this.#clock)
    of.calls.push(cell)
    return cell
  }

  /** The cells of attempts at a service, by version. */
  attempt(protocol: string, service: string): AttemptCells {
    const { of, name } = this.#of(service)
    for (const cells of of.attempts) if (cells.protocol === protocol) return cells
    const cells = new AttemptCells(protocol, name, this.#statuses)
    of.attempts.push(cells)
    return cells
  }

  /**
   * The service has left: its outbound cells, and their series, go with it. Whoever still holds one counts unseen; a service that comes
   * back asks for new ones.
   */
  forget(service: string): void {
    const cells = this.#services.get(service)
    if (cells === undefined) return
    const inbound = cells.calls.filter((cell) => cell.labels.direction === 'inbound')
    if (inbound.length === 0) this.#services.delete(service)
    else this.#services.set(service, { calls: inbound, attempts: [] })
  }

  /** Adds a gauge that is read at every scrape. The name ends in its unit, if it has one. */
  gauge(name: string, help: string, collect: () => Iterable<Sample>): void {
    this.#add({ kind: 'gauge', name, help, collect })
  }

  /** Adds a counter that is read at every scrape; its name ends in `_total`. */
  counter(name: string, help: string, collect: () => Iterable<Sample>): void {
    this.#add({ kind: 'counter', name, help, collect })
  }

  /** The cells of whole calls. */
  *calls(): Generator<CallCell> {
    for (const cells of this.#services.values()) yield* cells.calls
  }

  /** The cells of attempts. */
  *attempts(): Generator<AttemptCell> {
    for (const { attempts } of this.#services.values()) for (const cells of attempts) yield* cells.all()
  }

  #add(source: MetricSource): void {
    if (this.sources.some((known) => known.name === source.name)) throw new TypeError(`the metric ${source.name} has been added already`)
    this.sources.push(source)
  }

  #of(service: string): { of: ServiceCells; name: string } {
    const known = this.#services.get(service)
    if (known !== undefined) return { of: known, name: service }
    const name = this.#services.size < this.#maxServices ? service : other
    let of = this.#services.get(name)
    if (of === undefined) {
      of = { calls: [], attempts: [] }
      this.#services.set(name, of)
    }
    return { of, name }
  }
}
