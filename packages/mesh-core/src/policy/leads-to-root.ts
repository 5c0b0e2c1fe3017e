/** Whether a certificate leads to a root, by signatures alone: how far those can be told apart whom one handshake believes alike. */
import { X509Certificate } from 'node:crypto'

/**
 * Whether the leaf of a chain leads to one of the roots, over those that follow it. Each of those has to be an authority in its time and to have
 * signed the next one; everything else that a chain has to be, a handshake asks.
 * @param now milliseconds since 1970
 */
export function leadsToRoot(chain: readonly X509Certificate[], roots: readonly string[], now: number): boolean {
  const anchors = roots.map((root) => new X509Certificate(root))
  const between = new Set(chain.slice(1))
  let at = chain[0]
  while (at !== undefined) {
    const issued: X509Certificate = at
    if (anchors.some((anchor) => hasIssued(anchor, issued, now))) return true
    at = [...between].find((one) => hasIssued(one, issued, now))
    if (at !== undefined) between.delete(at)
  }
  return false
}

function hasIssued(issuer: X509Certificate, issued: X509Certificate, now: number): boolean {
  const isInTime = issuer.validFromDate.getTime() <= now && now < issuer.validToDate.getTime()
  return issuer.ca && isInTime && issued.checkIssued(issuer) && issued.verify(issuer.publicKey)
}
