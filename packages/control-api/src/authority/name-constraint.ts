/** The extension by which an authority's certificate says that it speaks for one trust domain only. */
import { Extension } from './x509.ts'

const nameConstraints = '2.5.29.30'
const sequence = 0x30
// [0] permittedSubtrees of NameConstraints; [6] uniformResourceIdentifier of GeneralName (RFC 5280, 4.2.1.10).
const permitted = 0xa0
const uri = 0x86

/** URIs below it may name this host alone: for a SPIFFE ID, the trust domain. */
export function onlyTrustDomain(trustDomain: string): Extension {
  const subtree = der(sequence, der(uri, Buffer.from(trustDomain, 'latin1')))
  return new Extension(nameConstraints, true, der(sequence, der(permitted, subtree)))
}

function der(tag: number, content: Buffer): Buffer<ArrayBuffer> {
  const { length } = content
  // A trust domain has at most 255 characters: two bytes of length are enough for all that holds it.
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}
