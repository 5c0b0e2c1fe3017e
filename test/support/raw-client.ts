/** A client of the control API that knows nothing but the protocol: it keeps what the answers add up to, and what they said on the way. */
import { setTimeout as pause } from 'node:timers/promises'
import { type ControlDocument, controlDocumentSchema, type EndpointRecord, hashOfEndpoints, schemaLevel } from '@zerohop/mesh-core/policy'

/** Who polls, for what. */
export interface RawClientOptions {
  /** Asked before each poll. */
  readonly url: () => string
  readonly token: string
  readonly service: string
  readonly instance: string
  readonly uses: readonly string[]
  /** Default: the newest level. */
  readonly schema?: number
}

/** Polls when it is told to, or until it is told to stop. */
export class RawClient implements AsyncDisposable {
  version = ''
  readonly policies = new Map<string, { readonly hash: string; readonly document: Readonly<Record<string, unknown>> | null }>()
  readonly endpoints = new Map<string, Map<string, EndpointRecord>>()
  sections: Readonly<Record<string, string>> = {}
  /** The epoch, index and revision of each document, in the order in which they came. */
  readonly seen: { readonly epoch: string; readonly index: number; readonly revision: number }[] = []
  /** Polls that brought no whole answer. */
  failures = 0
  /** Answers whose hashes did not add up to what is held. */
  mismatches = 0
  /** Added to the query of each poll. */
  extra = ''
  readonly #options: RawClientOptions
  readonly #stop = new AbortController()
  #following: Promise<void> = Promise.resolve()

  constructor(options: RawClientOptions) {
    this.#options = options
  }

  /** Polls until it is disposed of. */
  follow(): this {
    this.#following = this.#loop()
    return this
  }

  /** One poll; true where it brought a document. @throws Error where no whole answer with 200 or 204 came */
  async poll(wait = '0s'): Promise<boolean> {
    const { url, token, service, instance, uses, schema = schemaLevel } = this.#options
    const after = this.version === '' ? '' : `&after=${this.version}`
    const query = `instance=${instance}&schema=${schema}&uses=${uses.join(',')}&wait=${wait}&sdk=0.0.1${after}${this.extra}`
    const response = await fetch(`${url()}/v1/documents/${service}?${query}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: this.#stop.signal,
    })
    const text = await response.text()
    if (response.status === 204) {
      this.version = response.headers.get('zerohop-version') ?? this.version
      return false
    }
    if (response.status !== 200) throw new Error(`${response.status} ${text}`)
    this.#take(controlDocumentSchema.parse(JSON.parse(text)))
    return true
  }

  /** The epoch and index that went back to something older, as sentences; within an epoch neither index nor revision may. */
  steppedBack(): string[] {
    return this.seen.flatMap((now, at) => {
      const before = this.seen[at - 1]
      if (before === undefined || before.epoch !== now.epoch) return []
      const isOlder = now.index < before.index || now.revision < before.revision
      return isOlder ? [`${JSON.stringify(before)} was followed by ${JSON.stringify(now)}`] : []
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.poll('20s')
      } catch {
        if (this.#stop.signal.aborted) return
        this.failures++
        await pause(20)
      }
    }
  }

  #take(document: ControlDocument): void {
    const [epoch = '', index = ''] = document.version.split('.')
    this.seen.push({ epoch, index: Number(index), revision: document.revision })
    for (const [name, section] of Object.entries(document.policies)) this.policies.set(name, section)
    for (const [name, section] of Object.entries(document.endpoints)) {
      const list = 'full' in section ? new Map<string, EndpointRecord>() : (this.endpoints.get(name) ?? new Map())
      if ('from' in section) for (const address of section.drop) list.delete(address)
      for (const one of 'full' in section ? section.full : section.put) list.set(one.address, one)
      this.endpoints.set(name, list)
    }
    for (const name of this.policies.keys()) if (!(`policy/${name}` in document.sections)) this.policies.delete(name)
    for (const name of this.endpoints.keys()) if (!(`endpoints/${name}` in document.sections)) this.endpoints.delete(name)
    const fits = Object.entries(document.sections).every(([section, hash]) => this.#hashOf(section) === hash)
    if (!fits) this.mismatches++
    this.sections = document.sections
    // As the protocol says: what does not add up is asked for from the start.
    this.version = fits ? document.version : ''
  }

  #hashOf(section: string): string | undefined {
    const [kind, name = ''] = section.split('/')
    if (kind === 'policy') return this.policies.get(name)?.hash
    const list = this.endpoints.get(name)
    return list === undefined ? undefined : hashOfEndpoints(list.values())
  }
}
