/** A mesh's side of the control API: what comes from there, what is said there, and what holds while it is away. */
import type { Random } from '../kernel/clock.ts'
import type { Discovery } from '../kernel/discovery.ts'
import type { Log } from '../kernel/log.ts'
import type { Registered } from '../kernel/registrar.ts'
import { AdoptedDocument, type PolicyHost } from './adopted-document.ts'
import type { CertificateOffice } from './certificate-office.ts'
import { CombinedDiscovery } from './combined-discovery.ts'
import { ControlAccess, type ControlAccessOptions, type OwnCertificates } from './control-access.ts'
import type { ControlClient } from './control-client.ts'
import { ControlCounts } from './control-counts.ts'
import type { ControlExplanation } from './control-explanation.ts'
import type { ControlFailure } from './control-failure.ts'
import { DocumentWatch } from './document-watch.ts'
import type { HeldDocument } from './held-document.ts'
import { type Contact, Inquiries } from './inquiries.ts'
import { LastGood } from './last-good.ts'
import { type Advertised, Registration } from './registration.ts'
import { RegistryDiscovery } from './registry-discovery.ts'
import { StartDecision } from './start-decision.ts'
import { WantedServices } from './wanted-services.ts'

export interface ControlStart extends ControlAccessOptions {
  /** The program's own discovery; null for none. */
  readonly own: Discovery | null
  readonly random: Random
  readonly log: Log
  /** The version of this package. */
  readonly sdk: string
}

/** One per mesh. */
export class Control {
  readonly counts = new ControlCounts()
  /** What calls to names that are new here ask. */
  readonly inquiries: Inquiries
  /** Where the mesh finds endpoints. */
  readonly discovery: Discovery
  readonly #start: ControlStart
  readonly #client: ControlClient
  readonly #access: ControlAccess
  readonly #registry: RegistryDiscovery
  readonly #wanted: WantedServices
  readonly #watch: DocumentWatch
  readonly #lastGood: LastGood | null
  readonly #adopted: AdoptedDocument
  readonly #registrations = new Set<Registration>()
  readonly #decision: StartDecision
  #state: ControlExplanation['state'] | 'closed' = 'idle'
  #failure = ''
  #confirmedAt = -1
  #registered = 0

  constructor(start: ControlStart) {
    const { service, settings, clock, log, random, sdk } = start
    this.#start = start
    this.#decision = new StartDecision(clock)
    this.#access = new ControlAccess(start)
    this.#client = this.#access.client
    this.#registry = new RegistryDiscovery(clock, log)
    this.#wanted = new WantedServices(clock)
    this.inquiries = new Inquiries({
      settings,
      own: start.own,
      clock,
      wanted: this.#wanted,
      contact: () => this.#contact(),
      used: () => this.start(),
    })
    this.discovery = new CombinedDiscovery(start.own, this.#registry, this.inquiries)
    this.#watch = new DocumentWatch({
      service,
      instance: settings.instance,
      sdk,
      client: this.#client,
      counts: this.counts,
      owner: this,
      clock,
      random,
    })
    this.#wanted.changed = () => this.#watch.askForMore()
    const refused = (flaw: Parameters<ConstructorParameters<typeof LastGood>[0]['refused']>[0]): void => this.counts.refused(`file_${flaw}`)
    this.#lastGood = settings.lastGood === null ? null : new LastGood({ directory: settings.lastGood, service, clock, log, refused })
    this.#adopted = new AdoptedDocument({
      service,
      registry: this.#registry,
      trusts: (trust, isLive) => this.#access.believe(trust, isLive),
      counts: this.counts,
      log,
    })
  }

  /** Begins with what the last process left: policies go to `host` now, and with every document from then on. Uses no network. */
  begin(host: PolicyHost): void {
    this.#adopted.host = host
    const saved = this.#lastGood?.read() ?? null
    if (saved === null) return
    const { clock, log } = this.#start
    this.#access.recall(saved.met ?? [])
    this.#adopted.restore(saved)
    this.#wanted.restore([...Object.keys(saved.endpoints), ...Object.keys(saved.policies)].filter((name) => name !== 'defaults'))
    this.#watch.remember(saved.version, saved.revision, saved.pastEpochs)
    this.#confirmedAt = clock.now() - Math.max(0, Date.now() - saved.savedAt)
    log.info(`begins with the last good document, version ${saved.version}`)
    this.#decision.make()
  }

  /** Where certificates are asked for. */
  get office(): CertificateOffice {
    return this.#access.office
  }

  /** This process shows `certificates` from now on, in place of its token. Before the start. */
  authenticateBy(certificates: OwnCertificates): void {
    this.#access.authenticateBy(certificates)
  }

  /** Begins to poll: at the first use of the mesh, not before. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'starting'
    this.#decision.begin((limitMs) => {
      const sentence = `no document from the control API ${this.#client.address} within ${limitMs} ms, and no last good one: goes on without`
      this.#start.log.warn(sentence)
    })
    this.#access.run(() => this.#watch.run())
  }

  /** True once there is a document, live or last good, or it was decided to go on without. */
  get isReady(): boolean {
    return this.#decision.isMade
  }

  /** True while the last exchange went well. */
  get isConnected(): boolean {
    return this.#state === 'connected'
  }

  /** Milliseconds since the document in force was last confirmed; -1 where there is none. */
  get ageMs(): number {
    return this.#confirmedAt === -1 ? -1 : this.#start.clock.now() - this.#confirmedAt
  }

  get held(): readonly string[] {
    return this.#registry.held
  }

  /** Resolves when `isReady`, after two seconds at the latest. */
  ready(): Promise<void> {
    this.start()
    return this.#decision.wait()
  }

  /** Takes a lease for a server of this process; give it back by `release`. */
  register(advertised: Advertised): Registered {
    this.start()
    const { service, settings, clock, random, log } = this.#start
    this.#registered++
    // One process, one name; a second server of it needs another one.
    const instance = this.#registered === 1 ? settings.instance : `${settings.instance.slice(0, 120)}.${this.#registered}`
    const released = (): unknown => this.#registrations.delete(registration)
    const registration = new Registration({ service, instance, advertised, client: this.#client, clock, random, log, released })
    this.#registrations.add(registration)
    this.#access.run(() => registration.run())
    return registration
  }

  explain(): ControlExplanation {
    const { settings } = this.#start
    return {
      state: this.#state === 'closed' ? 'lost' : this.#state,
      address: this.#client.address,
      instance: settings.instance,
      source: this.#adopted.source,
      version: this.#adopted.version,
      revision: this.#adopted.revision,
      ageMs: this.ageMs,
      uses: this.#wanted.uses(),
      held: this.held,
      registered: Object.fromEntries([...this.#registrations].map(({ address, isHeld }) => [address, isHeld])),
      problems: [this.#failure, this.#adopted.refusal, this.#leftOut()].filter((problem) => problem !== ''),
    }
  }

  /** Stops polling, gives back every lease, and writes what waits to be written. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#watch.close()
    this.#wanted.giveUp()
    this.#decision.make()
    await Promise.all([...this.#registrations].map((registration) => registration.release()))
    await this.#lastGood?.flush()
    this.#start.http.close()
  }

  uses(): readonly string[] {
    const uses = this.#wanted.uses()
    this.#wanted.follow(uses)
    return uses
  }

  adopt(document: HeldDocument, newEpoch: boolean): string {
    const reason = this.#adopted.adopt(document, { newEpoch, wanted: (service) => this.#wanted.standing(service) !== undefined })
    this.#lastGood?.save(() => ({ ...this.#adopted.saved(this.#watch.pastEpochs), met: [...this.#access.met] }))
    return reason
  }

  answered(uses: readonly string[], document: HeldDocument): void {
    const { clock, log } = this.#start
    this.#confirmedAt = clock.now()
    if (this.#state === 'lost') log.warn(`in contact with the control API ${this.#client.address} again`)
    this.#state = 'connected'
    this.#failure = ''
    this.#wanted.answered(uses, (service) => document.endpoints.has(service) || (document.policies.get(service)?.document ?? null) !== null)
    this.#decision.make()
  }

  failed(failure: ControlFailure, everywhere: boolean): void {
    const { log } = this.#start
    this.counts.failed(failure.reason)
    if (['garbage', 'foreign', 'wrong_hash', 'older_epoch', 'older_revision', 'too_large'].includes(failure.reason))
      this.counts.refused(failure.reason)
    const isNews = this.#failure !== failure.message
    this.#failure = failure.message
    if (!everywhere) return
    if (this.#state !== 'lost') log.warn(`no contact with the control API, ${this.#adopted.sentence}: ${failure.message}`)
    else if (isNews) log.info(`still no contact with the control API: ${failure.message}`)
    this.#state = 'lost'
    this.#wanted.giveUp()
  }

  /** How it stands, as a call to a new name asks it. */
  #contact(): Contact {
    const where = `the control API ${this.#client.address}`
    return {
      isHopeful: this.#state === 'starting' || this.#state === 'connected',
      sentence: this.isConnected
        ? `${where} knows no service of that name`
        : `${where} cannot be asked (${this.#failure === '' ? 'no answer yet' : this.#failure})`,
    }
  }

  #leftOut(): string {
    const { leftOut } = this.#wanted
    return leftOut === 0 ? '' : `${leftOut} services are not asked about: a poll has no room for more names`
  }
}
