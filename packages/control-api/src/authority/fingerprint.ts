/** How a root is known without its certificate: by its key. */
import { createHash, X509Certificate } from 'node:crypto'

/** The base64url SHA-256 of the SubjectPublicKeyInfo of a certificate in PEM: 43 characters. */
export function fingerprintOf(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64url')
}
