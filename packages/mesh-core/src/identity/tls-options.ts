/** TLS as the mesh speaks it, at both ends: version 1.3, one certificate, the mesh's own roots, and no way to resume. */
import { constants, type KeyObject } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** What a handshake shows, and whom it believes. */
export interface TlsMaterial {
  /** The leaf first, then intermediates, in PEM. */
  readonly certificates: string
  readonly key: KeyObject
  /** Each one certificate in PEM; without any, nobody is believed. */
  readonly roots: readonly string[]
}

/** The options by which node:tls makes a context, and a server's context is exchanged. */
export function tlsOptions({ certificates, key, roots }: TlsMaterial): SecureContextOptions {
  return {
    cert: certificates,
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    ca: [...roots],
    minVersion: 'TLSv1.3',
    // Said, for a flag of the process could say less.
    maxVersion: 'TLSv1.3',
    // A resumed session brings the certificates of the connection that it began in: no peer would be checked, and a new certificate would not
    // be seen. With this option a ticket names an entry of the server's session cache, and node keeps none.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

/**
 * The context of one generation of an identity, for both ends; parsing it costs about a millisecond, so it is made once.
 * @throws node's error where a certificate cannot be read, or does not belong to the key
 */
export function secureContext(material: TlsMaterial): SecureContext {
  return createSecureContext(tlsOptions(material))
}
