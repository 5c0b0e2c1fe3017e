/** A request for a certificate (PKCS#10, RFC 2986) over a key that is made here and stays in this process. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { bits, context, der, integer, oid, pem, sequence, tag } from '../policy/der.ts'
import { serviceSpiffeId } from '../policy/spiffe-id.ts'

/** A request, and the key that its certificate will belong to. */
export interface CertificateRequest {
  /** In PEM. */
  readonly csr: string
  /** ECDSA P-256. It is written nowhere, and sent nowhere. */
  readonly key: KeyObject
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))
const extensionRequest = oid('1.2.840.113549.1.9.14')
const subjectAltName = oid('2.5.29.17')
const critical = der(tag.boolean, Buffer.from([0xff]))
// Forms of names as GeneralName numbers them (RFC 5280, 4.2.1.6).
const dnsTag = 0x82
const uriTag = 0x86

/** Makes a key and asks for the certificate of a service: its SPIFFE ID as the one URI, its name as the one DNS name, no subject. */
export function certificateRequest(trustDomain: string, service: string): CertificateRequest {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const names = sequence(
    der(uriTag, Buffer.from(serviceSpiffeId(trustDomain, service), 'latin1')),
    der(dnsTag, Buffer.from(service, 'latin1')),
  )
  // Critical, for without a subject these are all the names that there are.
  const extensions = sequence(sequence(subjectAltName, critical, der(tag.bytes, names)))
  const content = sequence(
    integer(0),
    sequence(),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(0, sequence(extensionRequest, der(tag.set, extensions))),
  )
  const csr = pem('CERTIFICATE REQUEST', sequence(content, ecdsaWithSha256, bits(sign('sha256', content, privateKey))))
  return { csr, key: privateKey }
}
