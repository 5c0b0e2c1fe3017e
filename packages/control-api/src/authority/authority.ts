/** What the rest of the control API asks of a certificate authority. */
import type { KeyObject } from 'node:crypto'
import type { IdentityRoots, TrustSection } from '@zerohop/mesh-core/policy'
import type { LeafName } from '../store/authority-store.ts'

/** A request for the certificate of a service. */
export interface SigningRequest {
  /** Whose identity is asked for. Who may have it is decided before. */
  readonly service: string
  /** PKCS#10 in PEM, as it came. */
  readonly csr: string
  /** The certificate that this one takes the place of, where it was shown in a handshake: a rotation need not wait for its end. */
  readonly replaces?: LeafName
  /** The id of the token with which the line of certificates began that this one is to belong to. Default '': nobody knows it, and no token ends it. */
  readonly token?: string
}

/** What was issued for a service. */
export interface IssuedCertificate extends LeafName {
  /** The leaf first, then what leads to a root, in PEM. */
  readonly certificates: string
  /** The SHA-256 of the certified SubjectPublicKeyInfo, in base64url. */
  readonly keyHash: string
  /** Milliseconds since 1970. `notBefore` lies {@link backdatedMs} before the moment of issue. */
  readonly notBefore: number
  readonly notAfter: number
}

/** So long before its issue is a leaf valid, for those whose clocks are slow. */
export const backdatedMs = 120_000

/** The certificate with which the control API itself serves TLS. */
export interface OwnCertificate {
  /** The leaf first, then what leads to a root, in PEM. Its SPIFFE ID is `spiffe://<trust domain>/control`. */
  readonly certificates: string
  /** New with each certificate; nowhere kept. */
  readonly key: KeyObject
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * `none`: no rotation · `spreading`: the new root is in `trust` and signs nothing yet · `renewing`: leaves come from the new root, and the old
 * one is believed until its last leaf has been replaced or has expired.
 */
export type RotationPhase = 'none' | 'spreading' | 'renewing'

/** How far a rotation of the root has come. Survives a crash at any step. */
export interface RotationState {
  readonly phase: RotationPhase
  /** When the phase began, in milliseconds since 1970; of `none`: when the last rotation ended, 0 where there was none. */
  readonly since: number
  /** Fingerprint of the root that goes; '' in `none`. */
  readonly oldRoot: string
  /** Fingerprint of the root that comes; '' in `none`. */
  readonly newRoot: string
  /** Who had not yet said that it trusts the new root when the rotation went on without waiting longer; kept until the next one begins. */
  readonly laggards: readonly string[]
  /** What the next step waits for, in a sentence; '' in `none`. */
  readonly waitsFor: string
}

/** What a rotation has to know of the mesh. */
export interface RotationWorld {
  /** Names (`cart/cart-1`) of the processes that are known and have not said that they hold the trust section of this hash. */
  laggards(trustHash: string): readonly string[]
}

/** Calls `begin`, within a transaction of its own, by which a rotation from one root to another begins. */
export type Accompany = (begin: () => void, roots: Pick<RotationState, 'oldRoot' | 'newRoot'>) => void

/** A rotation is under way, and another one cannot begin. */
export class RotationUnderWay extends Error {
  override readonly name = 'RotationUnderWay'
}

/** The certificate authority of one trust domain. */
export interface Authority {
  readonly trustDomain: string
  /** The newest trust section, ready for documents. Another object, with another hash, whenever something of it changed. */
  readonly trust: TrustSection
  /** Of the root that new certificates lead to: what a token carries. */
  readonly fingerprint: string
  /** The key file that was made just now because there was none; null otherwise. Whoever loses it loses the authority. */
  readonly freshKeyFile: string | null
  /** How many leaves are valid, replaced ones not counted. */
  readonly validLeaves: number
  readonly rotation: RotationState
  /** Told after `trust` or `rotation` changed, once that is durable: the control API's own certificate is to be made anew then, too. Returns how to leave. */
  subscribe(listener: () => void): () => void
  /** What newcomers are told. */
  roots(): IdentityRoots
  /** Judges a request as `sign` does, and issues nothing; resolves to the hash of its key, as in {@link IssuedCertificate}. @throws RequestRefused */
  keyHashOf(request: Pick<SigningRequest, 'service' | 'csr'>): Promise<string>
  /** @throws RequestRefused */
  sign(request: SigningRequest): Promise<IssuedCertificate>
  /** The id of the token with which the line of a certificate began; '' where nobody knows. */
  lineOf(leaf: LeafName): string
  /** `names`: host names and IP addresses of the control API. @throws RequestRefused */
  own(names: readonly string[]): Promise<OwnCertificate>
  /** From here on every leaf issued before now is to be renewed: `trust.renewBefore` says so. */
  renewAll(): void
  /**
   * Begins a rotation of the root; durable when it resolves.
   * @param accompany writes what is to be durable together with it, or not at all. Default: nothing
   * @throws RotationUnderWay, RequestRefused, and what `accompany` throws
   */
  rotate(accompany?: Accompany): Promise<RotationState>
  /**
   * Does the one thing that is due, if any: the next step of a rotation, a rotation where the root grows old, another intermediate. To be
   * called every second or so. Resolves to a sentence on what was done, null where nothing was. Never two at once: a call during another
   * resolves to null. @throws RequestRefused
   */
  step(world: RotationWorld): Promise<string | null>
  /** Refuses what still waits, and ends the thread that signs. */
  close(): Promise<void>
}
