/** An identity whose certificate an authority issues: asked for at the start, renewed long before its end, whatever becomes of the authority meanwhile. */

import { BackoffRounds } from '../kernel/backoff-rounds.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Identity, IdentitySource } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import { Rest } from '../kernel/rest.ts'
import { WatchSource } from '../kernel/watch.ts'
import type { CertificateAnswer, TrustSection } from '../policy/exchange.ts'
import { leadsToRoot } from '../policy/leads-to-root.ts'
import { serviceInSpiffeId, serviceSpiffeId } from '../policy/spiffe-id.ts'
import type { CertificateOffice, Patience } from './certificate-office.ts'
import { type CertificateRequest, certificateRequest } from './certificate-request.ts'
import { certificatesIn, madeIdentity, rootsIn, UnfitCertificate, withRoots } from './made-identity.ts'
import { RenewalPlan } from './renewal-plan.ts'

export interface IssuedIdentityOptions {
  readonly service: string
  readonly office: CertificateOffice
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly wallNow: () => number
  /** Runs the loop outside of any request and trace. */
  readonly aside: (work: () => void) => void
}

// Timers stand still while a machine sleeps: what is due by the wall clock is looked for this often.
const lookMs = 30_000
// Without a certificate somebody is waiting for one.
const firstPauseMs = 15_000
const longestPauseMs = 60_000
const longestAskMs = 10_000
// Below this a busy machine answers nobody, and who asks again and again makes it busier. It is more than its share of lives under 5 min alone.
const shortestAskMs = 3000
// Of the life of the certificate that is held. One of an answer that does not come, one of the pause after it: with the outage of half a life
// before that, what is left is still more than that with which readiness ends.
const pauseShare = 0.01
// An authority may be set up later, by those who run the control API.
const absentMs = 300_000

/** One per mesh. */
export class IssuedIdentity implements IdentitySource {
  readonly name = 'issued'
  readonly renewals = new Map<string, number>()
  isAbsent = false
  problem = ''
  readonly #options: IssuedIdentityOptions
  readonly #source = new WatchSource<Identity>()
  readonly #plan: RenewalPlan
  readonly #rest: Rest
  readonly #settled = Promise.withResolvers<void>()
  readonly #tried = Promise.withResolvers<void>()
  readonly #stop = new AbortController()
  #waiting: (() => void)[] = []
  #backoff: BackoffRounds
  /** Of the certificate that is held, at its birth; 0 for none. */
  #lifeMs = 0
  /** Kept until it is answered: an answer that was lost is given again for the same key only. */
  #request: (CertificateRequest & { readonly trustDomain: string }) | null = null
  /** The certificate that is held is newer than this; what was heard beyond it wants another one. */
  #coveredUntil = 0
  #heard = 0
  #generation = 0
  #hasStarted = false
  #unfollow: () => void = () => {}

  constructor(options: IssuedIdentityOptions) {
    this.#options = options
    this.#plan = new RenewalPlan(options)
    this.#rest = new Rest(options.clock)
    this.#backoff = new BackoffRounds(options.office.addresses, options.random, firstPauseMs)
  }

  get current(): Identity | undefined {
    return this.#source.current
  }

  subscribe(listener: (identity: Identity) => void): () => void {
    return this.#source.subscribe(listener)
  }

  settled(): Promise<void> {
    return this.#settled.promise
  }

  /** Resolves when a certificate was asked for once, with success or without: what speaks to the control API besides had better wait for it. */
  tried(): Promise<void> {
    this.start()
    return this.#tried.promise
  }

  start(): void {
    if (this.#hasStarted || this.#stop.signal.aborted) return
    this.#hasStarted = true
    const { office, aside } = this.#options
    this.#unfollow = office.trust.subscribe((trust) => this.#trusted(trust))
    this.#heard = office.trust.current?.renewBefore ?? 0
    aside(() => void this.#run())
  }

  renew(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve()
    this.start()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#plan.in(0)
      this.#rest.end()
    })
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the mesh is closed'))
    this.#unfollow()
    this.#rest.end()
    this.#tried.resolve()
    this.#answerAll()
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const { waitMs } = this.#plan
      if (waitMs > 0) await this.#rest.take(Math.min(waitMs, lookMs))
      else await this.#ask()
    }
  }

  /** Asks once, and plans the next time. Never rejects. */
  async #ask(): Promise<void> {
    // Whoever comes while this is under way is answered by it.
    this.#plan.in(Number.POSITIVE_INFINITY)
    try {
      await this.#tryOnce()
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#failed(error as Error)
      this.#plan.in(this.#backoff.failed())
    }
    this.#tried.resolve()
    this.#answerAll()
  }

  async #tryOnce(): Promise<void> {
    const { office, wallNow, service } = this.#options
    const limitMs = this.#lifeMs === 0 ? longestAskMs : Math.min(longestAskMs, Math.max(shortestAskMs, this.#lifeMs * pauseShare))
    const patience: Patience = { limitMs, signal: this.#stop.signal }
    const trustDomain = this.current?.bundle.trustDomain ?? office.trust.current?.trustDomain ?? (await office.trustDomain(patience))
    if (trustDomain === null) {
      this.#isMissing()
      return
    }
    if (this.#request?.trustDomain !== trustDomain) this.#request = { ...certificateRequest(trustDomain, service), trustDomain }
    const asked = { at: wallNow(), heard: this.#heard, trust: office.trust.current }
    const answer = await office.sign(this.#request.csr, patience)
    if (this.#stop.signal.aborted) return
    // What was pushed while the answer was under way is newer than the answer.
    const trust = office.trust.current === asked.trust ? answer.trust : (office.trust.current as TrustSection)
    this.#adopt(answer, trust, this.#request)
    this.#heard = Math.max(this.#heard, answer.trust.renewBefore)
    // Written by the authority's clock, compared with this one's only where the certificate and the wish may have crossed on their way.
    this.#coveredUntil = answer.trust.renewBefore <= asked.at ? Math.max(asked.heard, answer.trust.renewBefore) : asked.heard
    if (this.#heard > this.#coveredUntil) this.#plan.forced()
  }

  /** @throws UnfitCertificate where the answer is not what was asked for */
  #adopt(
    { certificates }: CertificateAnswer,
    trust: TrustSection,
    { key, trustDomain }: { key: Identity['key']; trustDomain: string },
  ): void {
    const { service, wallNow, office, random, log } = this.#options
    if (trust.trustDomain !== trustDomain) throw new UnfitCertificate(`came with the roots of ${trust.trustDomain}, not of ${trustDomain}`)
    const now = wallNow()
    const bundle = { trustDomain, roots: rootsIn(trust.roots) }
    const naming = {
      idOf: (called: string) => serviceSpiffeId(trustDomain, called),
      serviceOf: (spiffeId: string) => serviceInSpiffeId(trustDomain, spiffeId),
    }
    const identity = madeIdentity({ certificates, key, bundle }, { generation: this.#generation + 1, now, naming })
    const own = naming.idOf(service)
    if (identity.spiffeId !== own) throw new UnfitCertificate(`is that of ${identity.spiffeId}, not of ${own}`)
    if (this.problem !== '') log.warn(`${own}: a certificate was issued again`)
    this.#request = null
    this.problem = ''
    this.isAbsent = false
    this.#lifeMs = identity.notAfter - now
    this.#backoff = new BackoffRounds(office.addresses, random, Math.min(longestPauseMs, this.#lifeMs * pauseShare))
    this.#plan.issued(this.#lifeMs)
    this.#count('issued')
    this.#publish(identity)
  }

  /** The mesh has other roots, or wants other certificates. */
  #trusted({ trustDomain, roots, renewBefore }: TrustSection): void {
    const { log, wallNow } = this.#options
    const { current } = this
    this.#heard = Math.max(this.#heard, renewBefore)
    if (current === undefined) return
    try {
      if (trustDomain !== current.bundle.trustDomain)
        throw new UnfitCertificate(`are of ${trustDomain}, and this process is of ${current.bundle.trustDomain}`)
      const believed = rootsIn(roots)
      if (believed.join() !== current.bundle.roots.join()) this.#publish(withRoots(current, believed, this.#generation + 1))
      if (this.#heard > this.#coveredUntil || !leadsToRoot(certificatesIn(current.certificates), believed, wallNow())) {
        this.#plan.forced()
        this.#rest.end()
      }
    } catch (error) {
      log.error(`the roots that the control API told ${(error as Error).message}: the last ones stay`)
    }
  }

  #publish(identity: Identity): void {
    this.#generation = identity.generation
    this.#source.set(identity)
    this.#settled.resolve()
  }

  #isMissing(): void {
    const { log } = this.#options
    this.#count('failed')
    if (this.problem === '') log.warn('the control API issues no certificates: this process goes on without an identity')
    this.problem = 'the control API issues no certificates'
    this.isAbsent = true
    this.#plan.in(absentMs)
    this.#settled.resolve()
  }

  #failed(error: Error): void {
    const { log, service } = this.#options
    const isRefusal = error instanceof UnfitCertificate
    const what = isRefusal ? `the certificate that was issued ${error.message}` : error.message
    this.#count(isRefusal ? 'refused' : 'failed')
    if (this.problem === '')
      log.warn(`${service}: no ${this.current === undefined ? '' : 'new '}certificate could be had, and is asked for again: ${what}`)
    else if (this.problem !== what) log.info(`${service}: still no certificate: ${what}`)
    this.problem = what
  }

  #answerAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  #count(result: 'issued' | 'failed' | 'refused'): void {
    this.renewals.set(result, (this.renewals.get(result) ?? 0) + 1)
  }
}
