/** A control API for tests, in memory and in virtual time: sane by itself, and as broken as a test wants for its next answers. */
import type { Clock } from '../kernel/clock.ts'
import { hashOfEndpoints } from '../policy/endpoints-hash.ts'
import type { EndpointRecord, TrustSection } from '../policy/exchange.ts'
import type { ControlHttp, ControlReply, ControlRequest } from './control-http.ts'

/** A poll as it was received. */
export interface PollSeen {
  readonly address: string
  readonly after: string | null
  readonly uses: readonly string[]
  readonly refused: string | null
  readonly reason: string | null
  readonly authorization: string | undefined
}

/** What a test puts in the place of the next answer: a reply, an error of the network, silence; null: the sane answer. */
export type Misbehaviour = (poll: PollSeen) => ControlReply | Error | 'silence' | null

/** Answers as `docs/protocol.md` says. */
export class ControlUnderTest implements ControlHttp {
  epoch = 'first'
  index = 1
  revision = 1
  readonly polls: PollSeen[] = []
  /** Requests for leases: `PUT cart-1 10.0.0.1:80`, `DELETE cart-1`. */
  readonly leases: string[] = []
  /** Taken one by one for polls. */
  readonly next: Misbehaviour[] = []
  /** Set: every request fails so. */
  outage: Error | null = null
  /** The status of answers to leases; 200 is sane. */
  leaseStatus = 200
  isClosed = false
  #trust: { readonly section: TrustSection; readonly at: number } | null = null
  readonly #clock: Clock
  readonly #policies = new Map<string, { document: Record<string, unknown>; hash: string; at: number }>()
  readonly #endpoints = new Map<string, { list: readonly EndpointRecord[]; at: number }>()
  #goneAt = -1
  readonly #parked = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get version(): string {
    return `${this.epoch}.${this.index}`
  }

  get parked(): number {
    return this.#parked.size
  }

  putPolicy(service: string, document: Record<string, unknown>): void {
    this.revision++
    this.index++
    this.#policies.set(service, { document, hash: `p${this.revision}-${service}`, at: this.index })
    this.wake()
  }

  putTrust(section: TrustSection): void {
    this.index++
    this.#trust = { section, at: this.index }
    this.wake()
  }

  putEndpoints(service: string, ...addresses: readonly string[]): void {
    this.index++
    this.#endpoints.set(service, { list: addresses.map(record), at: this.index })
    this.wake()
  }

  /** Comes back with nothing in its store. */
  lose(epoch: string): void {
    this.epoch = epoch
    this.index = 1
    this.revision = 0
    this.#policies.clear()
    this.#endpoints.clear()
    this.wake()
  }

  forget(service: string): void {
    this.index++
    this.#endpoints.delete(service)
    this.#goneAt = this.index
    this.wake()
  }

  wake(): void {
    for (const look of [...this.#parked]) look()
  }

  close(): void {
    this.isClosed = true
  }

  exchange(request: ControlRequest): Promise<ControlReply> {
    const url = new URL(request.url)
    if (this.outage !== null) return Promise.reject(this.outage)
    if (url.pathname.startsWith('/v1/instances/')) return Promise.resolve(this.#lease(request, url))
    const { searchParams: query } = url
    const poll: PollSeen = {
      address: url.origin,
      after: query.get('after'),
      uses: query.get('uses')?.split(',') ?? [],
      refused: query.get('refused'),
      reason: query.get('reason'),
      authorization: request.headers.authorization,
    }
    const grew = !poll.uses.every((name) => this.polls.at(-1)?.uses.includes(name))
    this.polls.push(poll)
    const instead = this.next.shift()?.(poll) ?? null
    if (instead === 'silence') return untilStopped(request.signal)
    if (instead instanceof Error) return Promise.reject(instead)
    if (instead !== null) return Promise.resolve(instead)
    return this.#answer(poll, { grew, signal: request.signal, own: url.pathname.split('/').at(-1) as string })
  }

  /** The answer that is right for a poll now; null while there is nothing new. */
  answer(poll: PollSeen, own: string, grew: boolean): ControlReply | null {
    const after = poll.after?.startsWith(`${this.epoch}.`) ? Number(poll.after.split('.')[1]) : -1
    const isFull = after < 0 || after > this.index
    const before = this.polls.at(-2)?.uses ?? []
    const sections: Record<string, string> = {}
    const policies: Record<string, unknown> = {}
    const endpoints: Record<string, unknown> = {}
    for (const service of ['defaults', own, ...poll.uses]) {
      const policy = this.#policies.get(service)
      const isNew = isFull || (grew && !before.includes(service) && service !== 'defaults' && service !== own)
      if (policy !== undefined) {
        sections[`policy/${service}`] = policy.hash
        if (isNew || policy.at > after) policies[service] = { hash: policy.hash, document: policy.document }
      }
      const listed = this.#endpoints.get(service)
      if (listed === undefined || !poll.uses.includes(service)) continue
      const hash = hashOfEndpoints(listed.list)
      sections[`endpoints/${service}`] = hash
      if (isNew || listed.at > after) endpoints[service] = { hash, full: listed.list }
    }
    if (this.#trust !== null) sections.trust = this.#trust.section.hash
    const trust = this.#trust !== null && (isFull || this.#trust.at > after) ? { trust: this.#trust.section } : {}
    const hasNews = isFull || grew || 'trust' in trust || Object.keys(policies).length + Object.keys(endpoints).length > 0
    return hasNews || this.#goneAt > after
      ? reply(200, { version: this.version, schema: 2, revision: this.revision, sections, policies, endpoints, ...trust })
      : null
  }

  #answer(poll: PollSeen, { grew, signal, own }: { grew: boolean; signal: AbortSignal; own: string }): Promise<ControlReply> {
    const now = this.answer(poll, own, grew)
    if (now !== null) return Promise.resolve(now)
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#parked.delete(look)
        over.cancel()
      }
      const look = (): void => {
        const answer = this.answer(poll, own, false)
        if (answer === null) return
        leave()
        resolve(answer)
      }
      const over = this.#clock.setTimer(55_000, () => {
        leave()
        resolve({ status: 204, headers: { 'zerohop-version': this.version }, body: Buffer.alloc(0) })
      })
      this.#parked.add(look)
      signal.addEventListener('abort', () => {
        leave()
        reject(signal.reason)
      })
    })
  }

  #lease({ method, body }: ControlRequest, url: URL): ControlReply {
    const name = url.pathname.split('/').at(-1) as string
    this.leases.push(method === 'PUT' ? `PUT ${name} ${(JSON.parse(body) as EndpointRecord).address}` : `DELETE ${name}`)
    if (this.leaseStatus !== 200) return reply(this.leaseStatus, { error: { code: 'no', message: 'not now', problems: [] } })
    return method === 'PUT' ? reply(200, { leaseMs: 30_000, renewMs: 5000 }) : { status: 204, headers: {}, body: Buffer.alloc(0) }
  }
}

/** A reply with a JSON body, or with the text given. */
export function reply(status: number, body: unknown): ControlReply {
  return { status, headers: {}, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
}

/** One endpoint without labels. */
export function record(address: string): EndpointRecord {
  return { address, labels: {}, zone: '', weight: 1 }
}

function untilStopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}
