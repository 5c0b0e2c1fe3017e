/** Certificate requests for tests, the hostile ones included. */
import {
  type Extension,
  type JsonGeneralNames,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '../authority/x509.ts'

/** What a request of a test says; what is left out is as a good one has it. */
export interface TestRequestOptions {
  /** Its names (SAN). Default: the ID of the service in `shop.internal`, and its name as host name. */
  readonly names?: JsonGeneralNames
  /** Further lists of names and other extensions. */
  readonly extensions?: readonly Extension[]
  /** Default none. */
  readonly subject?: string
  /** Default: a new key of P-256. */
  readonly keys?: CryptoKeyPair
  /** Signs in the place of its own key. */
  readonly signedBy?: CryptoKey
}

/** A key on a curve of the web's. */
export function ecKeys(namedCurve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify'])
}

/** A request in PEM for a certificate of `service`. */
export async function testRequest(service: string, options: TestRequestOptions = {}): Promise<string> {
  const keys = options.keys ?? (await ecKeys())
  const names = options.names ?? [
    { type: 'url', value: `spiffe://shop.internal/svc/${service}` },
    { type: 'dns', value: service },
  ]
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: options.subject ?? '',
    keys: { publicKey: keys.publicKey, privateKey: options.signedBy ?? keys.privateKey },
    signingAlgorithm: { name: keys.publicKey.algorithm.name, hash: 'SHA-256' },
    extensions: [...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]), ...(options.extensions ?? [])],
  })
  return `${request.toString('pem')}\n`
}
