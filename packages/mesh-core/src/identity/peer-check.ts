/** Whether the certificate that a handshake brought is that of a member of the mesh, and what is said where it is not; the same at both ends. */
import type { Peer } from '../kernel/identity.ts'
import { readSvid, type SvidFlaw } from '../policy/svid.ts'

/** Why a peer is not believed, in a word for metrics. */
export type PeerFlaw = SvidFlaw | 'no_certificate' | 'self_signed' | 'untrusted'

/** Whom a peer has proved to be; or the flaw, and a sentence's end that begins with "its certificate" or "it". */
export type PeerReading =
  | { readonly ok: true; readonly peer: Peer }
  | { readonly ok: false; readonly flaw: PeerFlaw; readonly problem: string }

/** What a handshake says of the other end's certificate. */
export interface ShownCertificate {
  /** In DER; undefined where there was none. */
  readonly leaf: Buffer | undefined
  /** OpenSSL's word for what is wrong with the chain, as node hands it on, such as `CERT_HAS_EXPIRED`; '' where nothing is. */
  readonly chainProblem: string
}

/**
 * Checks the chain's verdict first, then the rules for SVIDs. A flaw is told as precisely as the certificate allows, though what a certificate
 * with a bad chain says of itself is only a claim.
 * @param trustDomain the one whose roots the handshake believed
 */
export function checkPeer({ leaf, chainProblem }: ShownCertificate, trustDomain: string): PeerReading {
  if (leaf === undefined) return { ok: false, flaw: 'no_certificate', problem: 'it showed no certificate' }
  const read = readSvid(leaf, trustDomain, Date.now())
  if (chainProblem === '') return read.ok ? read : { ...read, problem: `its certificate ${read.problem}` }
  const flaw = chainFlaw(chainProblem)
  if (!read.ok && saysMore(read.flaw, flaw)) {
    // Where both have a flaw, and not the same one, the sentence tells of both.
    return { ...read, problem: `its certificate ${read.problem}${read.flaw === flaw ? '' : ` (${chainProblem})`}` }
  }
  const claim = read.ok ? `, which claims to be that of ${read.peer.spiffeId},` : ''
  return { ok: false, flaw, problem: `its certificate${claim} ${chainSentence(flaw, trustDomain)} (${chainProblem})` }
}

function chainFlaw(chainProblem: string): PeerFlaw {
  if (chainProblem === 'CERT_HAS_EXPIRED') return 'expired'
  if (chainProblem === 'CERT_NOT_YET_VALID') return 'not_yet_valid'
  return chainProblem === 'DEPTH_ZERO_SELF_SIGNED_CERT' ? 'self_signed' : 'untrusted'
}

// The leaf itself names both of its times, its trust domain, or the rule that it breaks. Where its chain has a flaw of another kind, that one counts.
function saysMore(ofLeaf: SvidFlaw, ofChain: PeerFlaw): boolean {
  return ofLeaf === ofChain || ofChain === 'untrusted'
}

function chainSentence(flaw: PeerFlaw, trustDomain: string): string {
  if (flaw === 'expired') return 'was issued by an authority whose own certificate has expired'
  if (flaw === 'not_yet_valid') return 'was issued by an authority whose own certificate is not valid yet'
  if (flaw === 'self_signed') return 'is signed by nobody but itself'
  return `does not lead to a root of ${trustDomain}`
}
