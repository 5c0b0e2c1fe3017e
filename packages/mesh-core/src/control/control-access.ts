/** How a mesh speaks to its control API: as whom, whom it believes there, and what it asks before anything else. */
import type { Clock } from '../kernel/clock.ts'
import type { Identity } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import type { TrustSection } from '../policy/exchange.ts'
import { CertificateOffice } from './certificate-office.ts'
import { ControlClient } from './control-client.ts'
import type { ControlHttp } from './control-http.ts'
import type { ControlSettings } from './control-options.ts'
import { ControlTrust } from './control-trust.ts'

export interface ControlAccessOptions {
  readonly service: string
  readonly settings: ControlSettings
  readonly http: ControlHttp
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallNow: () => number
  /** Runs the loops outside of any request and trace. */
  readonly aside: (work: () => void) => void
}

/** The certificates by which a process is known to the control API that issues them. */
export interface OwnCertificates {
  subscribe(listener: (identity: Identity) => void): () => void
  /** Begins, and resolves when a certificate was asked for once, with success or without. */
  tried(): Promise<void>
}

/** One per mesh. */
export class ControlAccess {
  readonly client: ControlClient
  readonly office: CertificateOffice
  readonly #aside: ControlAccessOptions['aside']
  readonly #trust: ControlTrust
  /** The roots that the control API tells now. */
  readonly #told = new WatchSource<TrustSection>()
  #certificates: OwnCertificates | null = null

  constructor({ service, settings, http, clock, wallNow, aside }: ControlAccessOptions) {
    const { addresses, token, ca } = settings
    this.#aside = aside
    this.#trust = new ControlTrust({ ca, wallNow })
    this.client = new ControlClient({ addresses, token, http, trust: this.#trust, clock })
    this.office = new CertificateOffice({ service, client: this.client, trust: this.#told })
  }

  /** This process shows `certificates` from now on, in place of its token. Before the first loop. */
  authenticateBy(certificates: OwnCertificates): void {
    this.#certificates = certificates
    certificates.subscribe((identity) => this.#trust.prove(identity))
  }

  /** Begins a loop that speaks to the control API. */
  run(loop: () => Promise<void>): void {
    // A token that is good for one certificate is good for nothing else: everybody waits for the first try to get one.
    if (this.#certificates === null) this.#aside(() => void loop())
    else void this.#certificates.tried().then(() => this.#aside(() => void loop()))
  }

  /** Fingerprints of roots that were believed once, by this process and by those before it. */
  get met(): readonly string[] {
    return this.#trust.met
  }

  /** What a process before this one had met. Before its roots are believed. */
  recall(met: readonly string[]): void {
    this.#trust.recall(met)
  }

  /** Takes the roots of a document: of the newest one, or of one that a process before this one left. */
  believe(trust: TrustSection, isLive: boolean): void {
    if (!isLive) {
      this.#trust.remember(trust)
      return
    }
    this.#trust.learn(trust)
    this.#told.set(trust)
  }
}
