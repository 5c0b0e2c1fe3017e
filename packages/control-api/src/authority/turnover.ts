/** Puts new authority certificates in the place of old ones: intermediates by themselves, roots by a rotation. */
import { X509Certificate } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { StoredIssuer, StoredRoot } from '../store/authority-store.ts'
import { type Accompany, type RotationState, RotationUnderWay, type RotationWorld } from './authority.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { HeldAuthority } from './held-authority.ts'
import { dueOf, named, nextNumber, type Pace, renew, retire, spread } from './rotation.ts'
import type { Signer } from './signer.ts'
import { signingRootOf } from './trust-of.ts'

/** What it works with. */
export interface TurnoverParts {
  readonly held: HeldAuthority
  readonly signer: Signer
  readonly clock: Clock
  readonly pace: Pace
}

/** One change at a time. */
export class Turnover {
  readonly #parts: TurnoverParts
  readonly #startedAt: number
  #waitsFor = ''
  #isStepping = false
  #isBeginning = false

  constructor(parts: TurnoverParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.now()
    if (parts.held.stored.phase !== 'none') this.#waitsFor = 'It was taken up again after a restart, and goes on in a moment.'
  }

  get rotation(): RotationState {
    const { phase, since, laggards, roots } = this.#parts.held.stored
    const fingerprint = (root: StoredRoot | undefined) => (phase === 'none' || root === undefined ? '' : fingerprintOf(root.certificate))
    return { phase, since, oldRoot: fingerprint(roots.at(-2)), newRoot: fingerprint(roots.at(-1)), laggards, waitsFor: this.#waitsFor }
  }

  async rotate(accompany: Accompany = (begin) => begin()): Promise<RotationState> {
    const { held, signer, clock } = this.#parts
    if (held.stored.phase !== 'none' || this.#isBeginning) throw new RotationUnderWay('A rotation of the root is under way already.')
    this.#isBeginning = true
    try {
      const { trustDomain } = held.stored
      const before = keyed(signingRootOf(held.stored))
      const { root, link } = await signer.do({ kind: 'root', trustDomain, number: nextNumber(held.stored), now: clock.now(), before })
      const roots = { oldRoot: fingerprintOf(before.certificate), newRoot: fingerprintOf(root.certificate) }
      accompany(() => held.adopt(spread(held.stored, { root, link: link as string }, clock.now())), roots)
      this.#waitsFor = 'The new root is made known to all processes.'
      return this.rotation
    } finally {
      this.#isBeginning = false
    }
  }

  async step(world: RotationWorld): Promise<string | null> {
    if (this.#isStepping) return null
    this.#isStepping = true
    try {
      return (await this.renewIntermediate()) ?? (await this.#replaceOldRoot()) ?? (await this.#advance(world))
    } finally {
      this.#isStepping = false
    }
  }

  /** In the last third of its life, which is longer than the life of any leaf. Null where it is not due. */
  async renewIntermediate(): Promise<string | null> {
    const { held } = this.#parts
    const root = signingRootOf(held.stored)
    if (this.#leftOf(root.intermediate.certificate) > 1 / 3) return null
    const intermediate = await this.#makeIntermediate(root)
    const roots = held.stored.roots.map((one) => (one.number === root.number ? { ...one, intermediate } : one))
    held.adopt({ ...held.stored, roots })
    return 'The intermediate certificate was replaced by a new one.'
  }

  /** In the last fifth of its life, while it can still sign an intermediate of full length. */
  async #replaceOldRoot(): Promise<string | null> {
    const { stored } = this.#parts.held
    if (stored.phase !== 'none' || this.#isBeginning || this.#leftOf(signingRootOf(stored).certificate) > 1 / 5) return null
    await this.rotate()
    return 'The root grows old: a rotation to a new one began.'
  }

  async #advance({ laggards }: RotationWorld): Promise<string | null> {
    const { held, clock, pace } = this.#parts
    const due = dueOf(held.stored, {
      now: clock.now(),
      startedAt: this.#startedAt,
      pace,
      laggards: () => laggards(held.trust.hash),
      lastUse: (root) => held.store.lastUse(root),
    })
    if (due.step === null) {
      this.#waitsFor = due.waitsFor
      return null
    }
    if (due.step === 'retire') {
      this.#waitsFor = ''
      held.adopt(retire(held.stored, clock.now()))
      return 'The rotation of the root is done: the old root is believed no more.'
    }
    const intermediate = await this.#makeIntermediate(held.stored.roots.at(-1) as StoredRoot)
    this.#waitsFor = 'All certificates are to be renewed.'
    held.adopt(renew(held.stored, { intermediate, laggards: due.laggards }, clock.now()))
    const without =
      due.laggards.length === 0 ? '' : `; ${named(due.laggards)} did not say that it is trusted there, and no longer waited for`
    return `The new root signs from now on, and all certificates are to be renewed${without}.`
  }

  #makeIntermediate(root: StoredRoot): Promise<StoredIssuer> {
    const { held, signer, clock } = this.#parts
    const { trustDomain } = held.stored
    return signer.do({ kind: 'intermediate', trustDomain, number: root.number, now: clock.now(), root: keyed(root) })
  }

  /** The part of its life that a certificate has before it. */
  #leftOf(certificate: string): number {
    const { validFromDate, validToDate } = new X509Certificate(certificate)
    const endsAt = validToDate.getTime()
    return (endsAt - this.#parts.clock.now()) / (endsAt - validFromDate.getTime())
  }
}

/** A root that is believed has its key. */
function keyed({ certificate, key }: StoredRoot): StoredIssuer {
  return { certificate, key: key as string }
}
