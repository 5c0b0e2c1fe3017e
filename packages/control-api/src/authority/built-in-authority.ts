/** The control API's own authority, put together of what it holds, what it issues and how it is turned over. */
import type { IdentityRoots, TrustSection } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { LeafName } from '../store/authority-store.ts'
import type { Accompany, Authority, IssuedCertificate, OwnCertificate, RotationState, RotationWorld, SigningRequest } from './authority.ts'
import type { HeldAuthority } from './held-authority.ts'
import { Issuance } from './issuance.ts'
import { type Pace, renewLeaves } from './rotation.ts'
import type { Signer } from './signer.ts'
import { rootsOf } from './trust-of.ts'
import { Turnover } from './turnover.ts'

/** What it is made of; `openAuthority` makes them. */
export interface BuiltInParts {
  readonly held: HeldAuthority
  readonly clock: Clock
  readonly signer: Signer
  readonly pace: Pace
  readonly leafLifeMs: number
  readonly freshKeyFile: string | null
}

/** Keeps nothing in memory that is not in the store. */
export class BuiltInAuthority implements Authority {
  readonly freshKeyFile: string | null
  readonly #parts: BuiltInParts
  readonly #issuance: Issuance
  readonly #turnover: Turnover

  constructor(parts: BuiltInParts) {
    this.#parts = parts
    this.#issuance = new Issuance(parts)
    this.#turnover = new Turnover(parts)
    this.freshKeyFile = parts.freshKeyFile
  }

  get trustDomain(): string {
    return this.#parts.held.stored.trustDomain
  }

  get trust(): TrustSection {
    return this.#parts.held.trust
  }

  get fingerprint(): string {
    return this.#parts.held.fingerprint
  }

  get validLeaves(): number {
    return this.#parts.held.store.countLeaves(this.#parts.clock.now())
  }

  get rotation(): RotationState {
    return this.#turnover.rotation
  }

  subscribe(listener: () => void): () => void {
    return this.#parts.held.subscribe(listener)
  }

  roots(): IdentityRoots {
    return rootsOf(this.#parts.held.stored)
  }

  keyHashOf(request: Pick<SigningRequest, 'service' | 'csr'>): Promise<string> {
    return this.#issuance.keyHashOf(request)
  }

  sign(request: SigningRequest): Promise<IssuedCertificate> {
    return this.#issuance.sign(request)
  }

  lineOf(leaf: LeafName): string {
    return this.#parts.held.store.lineOf(leaf)
  }

  own(names: readonly string[]): Promise<OwnCertificate> {
    return this.#issuance.own(names)
  }

  renewAll(): void {
    const { held, clock } = this.#parts
    held.adopt(renewLeaves(held.stored, clock.now()))
  }

  rotate(accompany?: Accompany): Promise<RotationState> {
    return this.#turnover.rotate(accompany)
  }

  step(world: RotationWorld): Promise<string | null> {
    return this.#turnover.step(world)
  }

  /** An intermediate whose time came while no process ran. */
  async catchUp(): Promise<void> {
    await this.#turnover.renewIntermediate()
  }

  close(): Promise<void> {
    this.#parts.held.forgetListeners()
    return this.#parts.signer.close()
  }
}
