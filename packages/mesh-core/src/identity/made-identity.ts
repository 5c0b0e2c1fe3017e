/** Makes an identity of a certificate, a key and roots, after checking that they belong together and would be believed by others. */
import { type KeyObject, X509Certificate } from 'node:crypto'
import type { Identity, TrustBundle } from '../kernel/identity.ts'
import { leadsToRoot } from '../policy/leads-to-root.ts'
import { readSvid } from '../policy/svid.ts'
import { secureContext } from './tls-options.ts'

/** What an identity is made of. */
export interface IdentityParts {
  /** The leaf first, then intermediates, in PEM. */
  readonly certificates: string
  readonly key: KeyObject
  readonly bundle: TrustBundle
}

/** What the maker knows besides. */
export interface IdentityGround {
  readonly generation: number
  /** Milliseconds since 1970. */
  readonly now: number
  /** How services are named in SPIFFE IDs. */
  readonly naming: Pick<Identity, 'idOf' | 'serviceOf'>
}

/** These make no identity. The message is the end of a sentence that begins with "the certificate". */
export class UnfitCertificate extends Error {
  override readonly name = 'UnfitCertificate'
}

const certificateForm = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
// A leaf, and more intermediates than anybody has.
const mostCertificates = 8
const mostRoots = 64

/** @throws UnfitCertificate */
export function madeIdentity(parts: IdentityParts, { generation, now, naming }: IdentityGround): Identity {
  const { key, bundle } = parts
  const chain = certificatesIn(parts.certificates, mostCertificates)
  const leaf = chain[0] as X509Certificate
  const reading = readSvid(leaf.raw, bundle.trustDomain, now)
  if (!reading.ok) throw new UnfitCertificate(reading.problem)
  if (!leaf.checkPrivateKey(key)) throw new UnfitCertificate('belongs to another key')
  if (!leadsToRoot(chain, bundle.roots, now)) throw new UnfitCertificate('does not lead to a root that is believed')
  const certificates = chain.map(String).join('')
  return {
    generation,
    spiffeId: reading.peer.spiffeId,
    bundle,
    certificates,
    key,
    notBefore: leaf.validFromDate.getTime(),
    notAfter: reading.peer.notAfter,
    context: secureContext({ certificates, key, roots: bundle.roots }),
    ...naming,
  }
}

/** The same certificate among other roots, which {@link rootsIn} has read. */
export function withRoots(identity: Identity, roots: readonly string[], generation: number): Identity {
  const { certificates, key } = identity
  const bundle = { trustDomain: identity.bundle.trustDomain, roots }
  return { ...identity, generation, bundle, context: secureContext({ certificates, key, roots }) }
}

/** The certificates of some texts, one by one, as a bundle holds them. @throws UnfitCertificate where there is none, or one that cannot be read */
export function rootsIn(texts: readonly string[]): readonly string[] {
  try {
    return certificatesIn(texts.join('\n'), mostRoots).map(String)
  } catch {
    throw new UnfitCertificate('hold no certificate, too many, or one that cannot be read')
  }
}

/** The certificates of a text in PEM. @throws UnfitCertificate */
export function certificatesIn(text: string, most = mostCertificates): readonly [X509Certificate, ...X509Certificate[]] {
  const found = text.match(certificateForm) ?? []
  if (found.length > most) throw new UnfitCertificate(`comes with ${found.length - 1} others, and ${most - 1} are the most that are read`)
  const [first, ...others] = found.map(certificateOf)
  if (first === undefined) throw new UnfitCertificate('is none: there is no PEM of a certificate')
  return [first, ...others]
}

function certificateOf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new UnfitCertificate('cannot be read')
  }
}
