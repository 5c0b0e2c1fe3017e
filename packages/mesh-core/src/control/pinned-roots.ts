/** The root that a token names by its fingerprint, and those that are reached from it: how a newcomer knows whom to believe before it says anything. */
import { createHash, X509Certificate } from 'node:crypto'
import type { IdentityRoots } from '../policy/exchange.ts'

/** Where a control API tells its roots, to everybody. */
export const rootsPath = '/v1/identity/roots'

// What a control API hands out, and behind it the base64url SHA-256 of a root's SubjectPublicKeyInfo.
const pinnedToken = /^zh_[\w-]{12}_[\w-]{43}_([\w-]{43})$/

/** The fingerprint in a token; '' where it has none. */
export function pinIn(token: string): string {
  return pinnedToken.exec(token)?.[1] ?? ''
}

/**
 * Those of `told` that can be believed by whoever believes the roots of those fingerprints, in PEM: they themselves, and each whose key a believed one
 * has signed. Who told them is no matter. Empty where none of the roots is among them.
 */
export function believedRoots({ roots, links }: IdentityRoots, fingerprints: readonly string[]): readonly string[] {
  const offered = roots.map((pem) => read(pem)).filter((root) => root !== null)
  const open = [...offered, ...links.map((pem) => read(pem)).filter((link) => link !== null)]
  const believed = open.filter((one) => fingerprints.includes(fingerprintOf(one)))
  const keys = new Set(believed.map(fingerprintOf))
  // Each turn of the loop is for one certificate that has become believed; none comes in twice.
  for (let at = believed.shift(); at !== undefined; at = believed.shift()) {
    for (const one of open) {
      if (keys.has(fingerprintOf(one)) || !hasSigned(at, one)) continue
      keys.add(fingerprintOf(one))
      believed.push(...open.filter((other) => fingerprintOf(other) === fingerprintOf(one)))
    }
  }
  return offered.filter((root) => keys.has(fingerprintOf(root))).map(String)
}

/** Of certificates in PEM, as a token has it. Those that cannot be read have none. */
export function fingerprintsOf(roots: readonly string[]): readonly string[] {
  return roots.flatMap((pem) => {
    const root = read(pem)
    return root === null ? [] : [fingerprintOf(root)]
  })
}

function hasSigned(issuer: X509Certificate, issued: X509Certificate): boolean {
  return issuer.ca && issued.ca && issued.checkIssued(issuer) && issued.verify(issuer.publicKey)
}

function fingerprintOf({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
}

function read(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}
