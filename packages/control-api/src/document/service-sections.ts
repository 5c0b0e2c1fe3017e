/** The two sections that a service may have in a document, its policy and its endpoints, and when each changed. */
import type { ServiceRoll } from '../registry/service-roll.ts'
import { Part } from './part.ts'
import type { LeveledPolicy } from './policy-levels.ts'

// Lists up to this length go whole: a delta would save less than it costs to be checked.
const longestWhole = 50
const emptyHash = '0'.repeat(16)

/** One service, `defaults` among them. */
export class ServiceSections {
  readonly name: string
  /** The service whose process was the first to ask about this one, while nobody knows it; '' once it was known. */
  asker: string
  policy: LeveledPolicy | null = null
  /** The index of the last change; 0 for none in this run. */
  policyAt = 0
  roll: ServiceRoll | undefined
  endpointsAt = 0
  /** True for a while after the last lease ended: the service is known, and has no endpoints. */
  lingers = false
  #whole: { readonly hash: string; readonly part: Part } | null = null
  #delta: { readonly after: number; readonly hash: string; readonly part: Part } | null = null

  constructor(name: string, asker: string) {
    this.name = name
    this.asker = asker
  }

  /** True where the service has endpoints, even if none of them is there. */
  get isKnown(): boolean {
    return this.policy !== null || this.roll !== undefined || this.lingers
  }

  get endpointsHash(): string {
    return this.roll?.hash ?? emptyHash
  }

  /** The whole list. */
  wholeList(): Part {
    const hash = this.endpointsHash
    if (this.#whole?.hash !== hash) {
      this.#whole = { hash, part: new Part(`{"hash":"${hash}","full":${this.roll?.listText ?? '[]'}}`) }
    }
    return this.#whole.part
  }

  /** What a client that holds the list as it was at `after` needs. */
  listSince(after: number): Part {
    const hash = this.endpointsHash
    if (this.#delta?.after === after && this.#delta.hash === hash) return this.#delta.part
    const part = this.#deltaSince(after) ?? this.wholeList()
    this.#delta = { after, hash, part }
    return part
  }

  #deltaSince(after: number): Part | null {
    const { roll } = this
    if (roll === undefined || roll.listLength <= longestWhole) return null
    const changes = roll.changesSince(after)
    if (changes === null || 2 * changes.addresses.size > roll.listLength) return null
    const put: string[] = []
    const drop: string[] = []
    for (const address of changes.addresses) {
      const text = roll.textOf(address)
      if (text === undefined) drop.push(JSON.stringify(address))
      else put.push(text)
    }
    return new Part(`{"hash":"${roll.hash}","from":"${changes.from}","put":[${put.join(',')}],"drop":[${drop.join(',')}]}`)
  }
}
