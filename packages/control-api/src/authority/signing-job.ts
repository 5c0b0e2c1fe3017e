/** What the thread that signs is asked, and what it answers. */
import type { StoredIssuer } from '../store/authority-store.ts'
import type { AllowedNames } from './certificate-request.ts'
import type { Validity } from './certificates.ts'
import type { RefusalCode } from './request-refused.ts'

/** A leaf as it is asked for: it is valid from a little before `now`, and for `lifeMs` from then on, never longer than its issuer. */
interface LeafOrder {
  readonly issuer: StoredIssuer
  /** Milliseconds since 1970. */
  readonly now: number
  readonly lifeMs: number
}

/** A new leaf. */
export interface SignedLeaf extends Validity {
  readonly certificate: string
  readonly serial: string
}

/** Every kind of job: what it takes, and what comes of it. */
export interface SigningJobs {
  /** Tries whether the keys can be opened. */
  readonly open: { readonly takes: { readonly issuers: readonly StoredIssuer[] }; readonly gives: null }
  /** A new root, and its link to the one before it where there is one. */
  readonly root: {
    readonly takes: { readonly trustDomain: string; readonly number: number; readonly now: number; readonly before: StoredIssuer | null }
    readonly gives: { readonly root: StoredIssuer; readonly link: string | null }
  }
  readonly intermediate: {
    readonly takes: { readonly trustDomain: string; readonly number: number; readonly now: number; readonly root: StoredIssuer }
    readonly gives: StoredIssuer
  }
  /** Judges a request. */
  readonly judge: { readonly takes: { readonly csr: string; readonly allowed: AllowedNames }; readonly gives: string }
  /** A leaf by a request. */
  readonly leaf: {
    readonly takes: LeafOrder & { readonly csr: string; readonly allowed: AllowedNames }
    readonly gives: SignedLeaf & { readonly keyHash: string }
  }
  /** A leaf over a key of this process. */
  readonly own: {
    readonly takes: LeafOrder & {
      readonly publicKey: Uint8Array<ArrayBuffer>
      readonly uri: string
      readonly dns: readonly string[]
      readonly ips: readonly string[]
    }
    readonly gives: SignedLeaf
  }
}

/** The kinds of jobs. */
export type JobKind = keyof SigningJobs

/** One job of one kind. */
export type SigningJob<K extends JobKind = JobKind> = { readonly [Kind in K]: { readonly kind: Kind } & SigningJobs[Kind]['takes'] }[K]

/** What the thread is started with. */
export interface DeskSettings {
  readonly secret: Uint8Array
  /** Of `newSealSettings`. */
  readonly seal: string
}

/** What the thread says of the job that it was sent. */
export type JobAnswer =
  | { readonly ok: true; readonly value: SigningJobs[JobKind]['gives'] }
  | { readonly ok: false; readonly code: RefusalCode | 'sealed'; readonly sentence: string }
