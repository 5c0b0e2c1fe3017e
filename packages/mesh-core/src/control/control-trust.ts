/** TLS to the control API: whom this process believes there, and as whom it is known itself. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, getCACertificates } from 'node:tls'
import type { Identity, TrustBundle } from '../kernel/identity.ts'
import { identityRootsSchema } from '../policy/exchange.ts'
import { checkedAs, jsonIn } from './answer-reading.ts'
import { ControlFailure } from './control-failure.ts'
import type { SecureGround } from './control-http.ts'
import { controlServerCheck } from './control-server.ts'
import { believedRoots, fingerprintsOf } from './pinned-roots.ts'

export interface ControlTrustOptions {
  /** The path of a file with roots in PEM; null: those of the system. */
  readonly ca: string | null
  /** Milliseconds since 1970. */
  readonly wallNow: () => number
}

/** Nobody is asked who they are: only what can be believed whoever says it is asked for on such a connection, and nothing is told there. */
export const unchecked: SecureGround = { options: { rejectUnauthorized: false }, isKept: false, isProved: false }

// Roots last for years.
const mostMet = 64
const foreign = 'its roots are not those that the fingerprint in the token names: the token is of another control API'
const unlinked =
  'its roots are neither those that are believed here nor signed by them: it is another control API, or the service needs a new token of this one'

/** One per mesh. */
export class ControlTrust {
  readonly #options: ControlTrustOptions
  /** By the fingerprint in a token. */
  #pinned: Pick<TrustBundle, 'roots'> | null = null
  /** By the control API itself, over a connection that was believed. */
  #told: TrustBundle | null = null
  /** From the last good document. */
  #remembered: Pick<TrustBundle, 'roots'> | null = null
  #identity: Identity | null = null
  /** Fingerprints of all roots that were believed, here or by a process before this one, and of those by which that began; the newest last. */
  readonly #met = new Set<string>()
  #isDoubted = false
  /** True while the roots are those that a process before this one was told: whether the token is of the same authority nobody has looked yet. */
  #isRestored = false
  #ground: SecureGround | null = null

  constructor(options: ControlTrustOptions) {
    this.#options = options
  }

  /** What is to be kept for the next process; empty where no root was ever named by a token. */
  get met(): readonly string[] {
    return [...this.#met].slice(-mostMet)
  }

  /**
   * True where the roots must be asked for before anything is said.
   * @param pin the fingerprint in the token of the moment; '' for none
   */
  needsRoots(pin: () => string): boolean {
    const isKnown = this.#pinned !== null || this.#told !== null
    if (isKnown && !this.#isDoubted && !this.#isRestored) return false
    const named = pin()
    // Another authority's token, in the hands of a process that was left the roots of the one before.
    return named !== '' && (!isKnown || this.#isDoubted || !this.#met.has(named))
  }

  /**
   * Takes what a control API tells of its roots over a connection that is not believed. A fingerprint introduces once: whoever has got hold of the key
   * of a root that was replaced since could else come back by it. From then on those count to which the roots of the moment lead.
   * @throws ControlFailure where that leads to none
   */
  introduce(body: Buffer, pin: string): void {
    const known = this.#told ?? this.#pinned
    const isNew = known === null || !this.#met.has(pin)
    const said = checkedAs(identityRootsSchema, jsonIn(body), [])
    const roots = isNew
      ? believedRoots(said, [pin])
      : believedRoots({ ...said, links: [...said.links, ...known.roots] }, fingerprintsOf(known.roots))
    if (roots.length === 0) throw new ControlFailure('untrusted', isNew ? foreign : unlinked)
    this.#meet([pin, ...fingerprintsOf(roots)])
    if (isNew || this.#told === null) {
      this.#pinned = { roots }
      this.#told = null
    } else this.#told = { ...this.#told, roots }
    this.#isDoubted = false
    this.#isRestored = false
    this.#ground = null
  }

  /** The roots of the newest document. */
  learn(trust: TrustBundle): void {
    this.#told = trust
    if (this.#met.size > 0) this.#meet(fingerprintsOf(trust.roots))
    this.#isRestored = false
    this.#ground = null
  }

  /** What a process before this one had met. */
  recall(met: readonly string[]): void {
    this.#meet(met)
  }

  /**
   * The roots of a document that a process before this one left. Where that one was introduced by a token they count as if this one had been; else
   * they are believed beside those of the file or the system.
   */
  remember(trust: Pick<TrustBundle, 'roots'>): void {
    if (this.#met.size > 0) {
      this.#pinned = trust
      this.#isRestored = true
    } else this.#remembered = trust
    this.#ground = null
  }

  /** This process has a certificate that the control API itself has issued. */
  prove(identity: Identity): void {
    this.#identity = identity
    this.#told = identity.bundle
    this.#ground = null
  }

  /** Whoever answered could not be believed: the roots may be out of date. Asks for newer ones, and reads the file, anew. */
  doubt(): void {
    this.#isDoubted = true
    this.#ground = null
  }

  /** How to speak to the control API now; the same object while nothing has changed. @throws ControlFailure where the file of roots cannot be read */
  get ground(): SecureGround {
    const proof = this.#proof
    if (this.#ground === null || this.#ground.isProved !== (proof !== null)) this.#ground = this.#made(proof)
    return this.#ground
  }

  #meet(fingerprints: readonly string[]): void {
    for (const one of fingerprints) this.#met.add(one)
  }

  get #proof(): Identity | null {
    return this.#identity !== null && this.#identity.notAfter > this.#options.wallNow() ? this.#identity : null
  }

  #made(proof: Identity | null): SecureGround {
    const roots = [...this.#outside(), ...((this.#told ?? this.#pinned ?? this.#remembered)?.roots ?? [])]
    // A trust domain that was told before anybody was believed is hearsay, and so are the roots that go with it.
    const own = { trustDomain: this.#told?.trustDomain ?? null, roots: (this.#told ?? this.#pinned)?.roots ?? [] }
    const shown = proof === null ? {} : { cert: proof.certificates, key: proof.key.export({ type: 'pkcs8', format: 'pem' }) }
    return {
      options: {
        // Made once, and not for every connection: the system has some 150 roots. Without any here they are believed, as node does it.
        secureContext: createSecureContext({ ...(roots.length === 0 ? {} : { ca: roots }), ...shown }),
        // Said, for a variable of the environment could say otherwise for everybody.
        rejectUnauthorized: true,
        checkServerIdentity: controlServerCheck(() => ({ ...own, now: this.#options.wallNow() })),
      },
      isKept: true,
      isProved: proof !== null,
    }
  }

  /** Roots that are believed beside the mesh's own. */
  #outside(): readonly string[] {
    const { ca } = this.#options
    if (ca !== null) return [readRoots(ca)]
    if (this.#pinned !== null) return []
    return this.#told === null && this.#remembered === null ? [] : getCACertificates('default')
  }
}

function readRoots(path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    // Node passes over what is no certificate, and would then believe nobody without a word.
    new X509Certificate(text)
    return text
  } catch (error) {
    throw new ControlFailure('untrusted', `the roots of \`controlCa\` cannot be read: ${(error as Error).message}`)
  }
}
