/** The files under `policies/`, as they are handed to the control API. */
import { readFileSync } from 'node:fs'
import { parseAllDocuments, stringify } from 'yaml'
import type { ControlClient, Written } from './control-client.ts'

/** What became of a file. */
export interface Published {
  readonly written: readonly Written[]
  /** When the last of its documents was sent off, by `performance.now()`. */
  readonly lastSentAt: number
}

type Sections = Readonly<Record<string, unknown>>

/** Puts the policies of a file in force. */
export class PolicyFiles {
  readonly #client: ControlClient
  readonly #openFor: string
  readonly #published = new Map<string, Sections>()

  /** `openFor` stands in for the 30 s that the policies write for an open breaker. */
  constructor(client: ControlClient, openFor: string) {
    this.#client = client
    this.#openFor = openFor
  }

  /**
   * Writes every document of `policies/<name>.yaml`, one after the other. Sections that a file published before has, and this one has not, stay
   * as they are. @throws ControlRefusal
   */
  async publish(name: string): Promise<Published> {
    const source = readFileSync(new URL(`../policies/${name}.yaml`, import.meta.url), 'utf8')
    const written: Written[] = []
    let lastSentAt = 0
    for (const document of parseAllDocuments(source)) {
      if (document.hasIn(['breaker', 'openFor'])) document.setIn(['breaker', 'openFor'], this.#openFor)
      const sections = document.toJS() as Sections & { readonly service?: string }
      const service = sections.service ?? 'defaults'
      const all = { ...this.#published.get(service), ...sections }
      lastSentAt = performance.now()
      written.push(await this.#client.put(service, stringify(all)))
      this.#published.set(service, all)
    }
    return { written, lastSentAt }
  }
}
