/** The files under `policies/`, as they are handed to the control API. */
import { readFileSync } from 'node:fs'
import { type Document, parseAllDocuments } from 'yaml'
import type { ControlClient, Written } from './control-client.ts'

/** Puts the policies of a file in force. */
export class PolicyFiles {
  readonly #client: ControlClient
  readonly #openFor: string

  /** `openFor` stands in for the 30 s that the policies write for an open breaker. */
  constructor(client: ControlClient, openFor: string) {
    this.#client = client
    this.#openFor = openFor
  }

  /** Writes every document of `policies/<name>.yaml`, one after the other. @throws ControlRefusal */
  async publish(name: string): Promise<readonly Written[]> {
    const source = readFileSync(new URL(`../policies/${name}.yaml`, import.meta.url), 'utf8')
    const written: Written[] = []
    // Without a document in it the parser returns a list of another type; these files have some.
    for (const document of parseAllDocuments(source) as Document[]) {
      if (document.hasIn(['breaker', 'openFor'])) document.setIn(['breaker', 'openFor'], this.#openFor)
      // The line between two documents of a file belongs to neither.
      const text = document.toString({ directives: false })
      written.push(await this.#client.put((document.get('service') as string | undefined) ?? 'defaults', text))
    }
    return written
  }
}
