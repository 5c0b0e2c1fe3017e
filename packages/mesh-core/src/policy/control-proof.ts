/** Whether whoever answers at a control address has proved to be the control API, by its certificate after its chain was found good. */
import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls'
import { leadsToRoot } from './leads-to-root.ts'
import { controlInSpiffeId } from './spiffe-id.ts'
import { urisOf } from './svid.ts'

/** What is known of the control API before it answers. */
export interface ControlGround {
  /** The roots of the mesh among those that are believed, each in PEM: they alone say who is the control API. */
  readonly roots: readonly string[]
  /** null: it may be of any. */
  readonly trustDomain: string | null
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * `proved`: by its SPIFFE ID, from the mesh's own authority, whatever the host is called. `by_name`: it is to be judged by the host name, for it has no
 * SPIFFE ID, as a proxy, or somebody else has signed it, who may write any URI for anybody. `refused`: it is somebody else; the authority that has
 * issued it issues to services too, and one of them may be called as the control API's host is.
 */
export type ControlProof = { readonly kind: 'proved' | 'by_name' } | { readonly kind: 'refused'; readonly uris: readonly string[] }

/** @param certificate as node hands it to `checkServerIdentity` */
export function controlProof(certificate: PeerCertificate, { roots, trustDomain, now }: ControlGround): ControlProof {
  let uris: readonly string[]
  try {
    // As they are encoded, one by one: in node's text of them one name can look like two.
    uris = urisOf(certificate.raw)
  } catch {
    return { kind: 'refused', uris: [] }
  }
  if (uris.length === 0) return { kind: 'by_name' }
  const found = uris.length === 1 ? controlInSpiffeId(uris[0] as string) : ''
  if (found === '' || (trustDomain !== null && found !== trustDomain)) return { kind: 'refused', uris }
  return { kind: leadsToRoot(chainOf(certificate), roots, now) ? 'proved' : 'by_name' }
}

function chainOf(leaf: PeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  let one: Partial<DetailedPeerCertificate> | undefined = leaf
  // What signed itself is its own issuer here.
  while (one?.raw !== undefined && !seen.has(one.fingerprint256 ?? '')) {
    seen.add(one.fingerprint256 ?? '')
    chain.push(new X509Certificate(one.raw))
    one = one.issuerCertificate
  }
  return chain
}
