/** The cells of attempts at one service over one wire, by version. */
import { AttemptCell } from './cell.ts'
import type { StatusTable } from './status-table.ts'

// More versions than one service has at a time; retired ones go with the service, and further ones are counted together as `other`.
const maxVersions = 64
const other = 'other'

/** Asked once per attempt, so the version asked for last is kept at hand. */
export class AttemptCells {
  readonly protocol: string
  readonly #service: string
  readonly #statuses: StatusTable
  readonly #byVersion = new Map<string, AttemptCell>()
  #last: AttemptCell | null = null
  #lastVersion = ''

  constructor(protocol: string, service: string, statuses: StatusTable) {
    this.protocol = protocol
    this.#service = service
    this.#statuses = statuses
  }

  /** The cell of attempts at `version`, '' for none; signed up with the time at which the attempt started. */
  of(version: string): AttemptCell {
    if (this.#last !== null && version === this.#lastVersion) return this.#last
    const cell = this.#byVersion.get(version) ?? this.#add(this.#byVersion.size < maxVersions ? version : other)
    this.#last = cell
    this.#lastVersion = version
    return cell
  }

  /** Every cell there is. */
  all(): Iterable<AttemptCell> {
    return this.#byVersion.values()
  }

  #add(version: string): AttemptCell {
    const known = this.#byVersion.get(version)
    if (known !== undefined) return known
    const cell = new AttemptCell({ direction: 'outbound', protocol: this.protocol, service: this.#service, version }, this.#statuses)
    this.#byVersion.set(version, cell)
    return cell
  }
}
