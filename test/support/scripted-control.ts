/** Something in the place of a control API, over a real socket, that answers polls with whatever a test wants. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hashOfEndpoints, schemaLevel } from '@zerohop/mesh-core/policy'

/** Answers one poll in the place of the sane answer. */
export type Spoil = (response: ServerResponse, poll: URL) => void

/** What a sane document holds: one service, its policy, its endpoints. */
export interface SaneContent {
  readonly service: string
  readonly timeout: number
  readonly addresses: readonly string[]
}

/** One per test. */
export class ScriptedControl implements AsyncDisposable {
  epoch = 'first'
  index = 1
  revision = 1
  content: SaneContent
  /** Answers polls while it is set. */
  spoil: Spoil | null = null
  readonly polls: URL[] = []
  readonly #server = createServer((request, response) => this.#poll(new URL(request.url as string, 'http://control'), response))
  readonly #parked = new Set<ServerResponse>()

  constructor(content: SaneContent) {
    this.content = content
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** The document as it is now, whole. */
  document(): { readonly version: string; readonly revision: number } & Record<string, unknown> {
    const { service, timeout, addresses } = this.content
    const document = { timeout }
    const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, 16)
    const full = addresses.map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
    const list = hashOfEndpoints(full)
    return {
      version: `${this.epoch}.${this.index}`,
      schema: schemaLevel,
      revision: this.revision,
      sections: { [`policy/${service}`]: hash, [`endpoints/${service}`]: list },
      policies: { [service]: { hash, document } },
      endpoints: { [service]: { hash: list, full } },
      unknown: [],
    }
  }

  /** Something changed: parked polls are answered. */
  wake(): void {
    this.index++
    for (const response of this.#parked) this.#answer(response)
    this.#parked.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close().closeAllConnections()
  }

  #poll(poll: URL, response: ServerResponse): void {
    this.polls.push(poll)
    if (this.spoil !== null) this.spoil(response, poll)
    else if (poll.searchParams.get('after') === `${this.epoch}.${this.index}`) {
      this.#parked.add(response)
      response.once('close', () => this.#parked.delete(response))
    } else this.#answer(response)
  }

  #answer(response: ServerResponse): void {
    if (this.spoil !== null) this.spoil(response, this.polls.at(-1) as URL)
    else response.end(JSON.stringify(this.document()))
  }
}
