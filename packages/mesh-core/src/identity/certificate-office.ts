/** The authority, as an identity that has its certificates issued sees it. */
import type { Watch } from '../kernel/watch.ts'
import type { CertificateAnswer, TrustSection } from '../policy/exchange.ts'

/** How long an office may take, and how it is told that nobody waits any more. */
export interface Patience {
  readonly limitMs: number
  readonly signal: AbortSignal
}

/** The authority, as somebody who wants a certificate sees it. What it rejects with has a sentence for its message. */
export interface CertificateOffice {
  /** The roots as the mesh knows them now. */
  readonly trust: Watch<TrustSection>
  /** How many addresses it has: failures at one are followed by a try at the next at once. */
  readonly addresses: number
  /** The trust domain; null where no certificates are issued. */
  trustDomain(patience: Patience): Promise<string | null>
  sign(csr: string, patience: Patience): Promise<CertificateAnswer>
}
