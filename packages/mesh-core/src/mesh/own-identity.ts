/** The identity of a mesh: when it is first asked for, whether it still counts, and what is said when it does not. */
import { LeastLeft } from '../identity/least-left.ts'
import { noSource } from '../identity/valid-identity.ts'
import type { Clock, Timer } from '../kernel/clock.ts'
import type { Identity, IdentitySource, MtlsMode } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import type { Watch } from '../kernel/watch.ts'
import type { Announcements } from './announcements.ts'
import type { IdentityExplanation } from './explain.ts'

export interface OwnIdentityOptions {
  readonly service: string
  /** null where there is none. */
  readonly source: IdentitySource | null
  readonly mtls: Watch<MtlsMode>
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallNow: () => number
  readonly log: Log
  readonly announcements: Announcements
}

// How long a program that waits for `ready` is held back.
const startMs = 2000
// Timers stand still while a machine sleeps, and clocks are set: what is due by the wall clock is looked for this often.
const lookMs = 30_000
// Readiness ends so long before the certificate does. Less than a twentieth of its life: a control API that is away for half of a life is back by
// then, whenever it went.
const marginShare = 0.03
const longestMarginMs = 300_000

/** How near its end a certificate is. */
type Stage = 'good' | 'ending' | 'over'

/** One per mesh. */
export class OwnIdentity {
  readonly leastLeft = new LeastLeft()
  readonly #options: OwnIdentityOptions
  #hasBegun = false
  #isClosed = false
  #seen: { readonly certificates: string; readonly at: number } | null = null
  #stage: Stage = 'good'
  #hasWarnedOfName = false
  #timer: Timer | null = null
  readonly #stopFollowing: () => void = () => {}

  constructor(options: OwnIdentityOptions) {
    this.#options = options
    const { source } = options
    if (source === null) return
    // Before it begins: the control client begins it too, by asking whether there is a certificate.
    this.#stopFollowing = source.subscribe((identity) => this.#take(identity))
    if (source.current !== undefined) this.#take(source.current)
  }

  /** Where it comes from; null where there is no source, or where the source has learned that there is nothing to be had. */
  get source(): IdentitySource | null {
    const { source } = this.#options
    return source === null || source.isAbsent === true ? null : source
  }

  /** The mesh is in use: the first call of this begins, every other one does nothing. */
  begin(): void {
    const { source } = this.#options
    if (this.#hasBegun || this.#isClosed || source === null) return
    this.#hasBegun = true
    source.start()
  }

  /** Resolves when there is an identity, when it is known that there is none to be had, after two seconds at the latest. */
  async ready(): Promise<void> {
    this.begin()
    const { source, clock } = this.#options
    if (source === null || source.current !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimer(startMs, resolve)
    timer.keepAlive(true)
    const stop = source.subscribe(() => resolve())
    void source.settled?.().then(resolve)
    await promise
    timer.cancel()
    stop()
  }

  /** Why this process should not be called, as far as its identity is concerned; '' where it may. */
  get unready(): string {
    const { mtls, source } = this.#options
    if (mtls.current === 'disabled') return ''
    const current = source?.current
    if (current !== undefined) return this.#stageOf(current) === 'good' ? '' : this.#sentence(current)
    if (mtls.current !== 'strict') return ''
    const why = source === null ? noSource : source.problem || 'it is still awaited'
    return `the policy takes mutual TLS only, and this process has no identity: ${why}`
  }

  explain(): IdentityExplanation | null {
    const { source } = this.#options
    if (source === null) return null
    const { current } = source
    const problem = current !== undefined && this.#stageOf(current) !== 'good' ? this.#sentence(current) : source.problem
    return {
      source: source.name,
      spiffeId: current?.spiffeId ?? '',
      notAfter: current?.notAfter ?? 0,
      generation: current?.generation ?? 0,
      problem,
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopFollowing()
    this.#timer?.cancel()
    this.#timer = null
    await this.#options.source?.close()
  }

  #take(identity: Identity): void {
    const { service, log, announcements, wallNow } = this.#options
    if (identity.certificates !== this.#seen?.certificates) this.#seen = { certificates: identity.certificates, at: wallNow() }
    this.#stage = this.#stageOf(identity)
    if (!this.#hasWarnedOfName && identity.spiffeId !== identity.idOf(service)) {
      this.#hasWarnedOfName = true
      log.warn(`this process calls itself ${service}, and proves to be ${identity.spiffeId}: who calls ${service} will not believe it`)
    }
    const { spiffeId, notAfter, generation } = identity
    log.info(`identity ${spiffeId}, valid until ${new Date(notAfter).toISOString()}, generation ${generation}`)
    announcements.emit('identity', { spiffeId, notAfter, generation, problem: '' })
    this.#look()
  }

  /** Says once of each certificate that it nears its end, and that it is over. */
  #look(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isClosed) return
    const { source, wallNow, clock, log, announcements } = this.#options
    const current = source?.current
    let nextMs = lookMs
    if (current !== undefined) {
      const stage = this.#stageOf(current)
      if (stage !== this.#stage) {
        this.#stage = stage
        if (stage !== 'good') {
          const problem = this.#sentence(current)
          log.error(problem)
          const { spiffeId, notAfter, generation } = current
          announcements.emit('identity', { spiffeId, notAfter, generation, problem })
        }
      }
      const leftMs = current.notAfter - wallNow()
      const dueMs = stage === 'good' ? leftMs - this.#marginMs(current) : leftMs
      if (stage !== 'over') nextMs = Math.min(lookMs, Math.max(1, dueMs))
    }
    this.#timer = clock.setTimer(nextMs, () => this.#look())
  }

  #stageOf(identity: Identity): Stage {
    const leftMs = identity.notAfter - this.#options.wallNow()
    if (leftMs <= 0) return 'over'
    return leftMs <= this.#marginMs(identity) ? 'ending' : 'good'
  }

  // From when it was first seen here: a short-lived certificate that is backdated for slow clocks has most of its time behind it at birth.
  #marginMs({ notBefore, notAfter }: Identity): number {
    return Math.min(longestMarginMs, (notAfter - Math.max(notBefore, this.#seen?.at ?? notBefore)) * marginShare)
  }

  #sentence(identity: Identity): string {
    const { source, wallNow } = this.#options
    const verb = identity.notAfter <= wallNow() ? 'expired' : 'expires'
    const why = source === null || source.problem === '' ? 'no newer one has come' : source.problem
    return `the certificate of ${identity.spiffeId} ${verb} at ${new Date(identity.notAfter).toISOString()}, and ${why}`
  }
}
