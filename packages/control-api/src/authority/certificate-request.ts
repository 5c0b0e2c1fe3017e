/** Judges a certificate request (PKCS#10): what it may ask for, and that nothing else gets from it into a certificate. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { RequestRefused, refuseLong } from './request-refused.ts'
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from './x509.ts'

/** Which names a request may carry. */
export interface AllowedNames {
  /** The one URI that it must carry. */
  readonly uri: string
  /** Host names, each of which it may carry. */
  readonly dns: readonly string[]
}

/** All that a certificate takes over from a request. */
export interface JudgedRequest {
  /** SubjectPublicKeyInfo, written anew. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  /** The SHA-256 of it, in base64url. */
  readonly keyHash: string
  /** Those of the allowed ones that it asks for. */
  readonly dns: readonly string[]
}

const armour = /^-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END (NEW )?CERTIFICATE REQUEST-----\s*$/
const extensionRequest = '1.2.840.113549.1.9.14'
const subjectAltName = '2.5.29.17'
const curves: readonly string[] = ['prime256v1', 'secp384r1']
const hashes: readonly string[] = ['SHA-256', 'SHA-384', 'SHA-512']

/** @throws RequestRefused */
export async function judgeRequest(csr: string, allowed: AllowedNames): Promise<JudgedRequest> {
  const request = parsed(csr)
  const key = keyOf(request)
  if (!(await isSignedByItself(request))) {
    throw new RequestRefused('bad_signature', 'csr: it is not signed by the key that is in it.')
  }
  const dns = namesOf(request, allowed)
  const publicKey = new Uint8Array(key.export({ type: 'spki', format: 'der' }))
  return { publicKey, keyHash: createHash('sha256').update(publicKey).digest('base64url'), dns }
}

function parsed(csr: string): Pkcs10CertificateRequest {
  refuseLong(csr)
  const [, , text] = armour.exec(csr) ?? []
  if (text === undefined) throw bad('it is not one certificate request in PEM')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== derLength(bytes)) throw bad('it is cut off, or something follows it')
  try {
    return new Pkcs10CertificateRequest(bytes)
  } catch {
    // What a parser says of somebody's bytes is for nobody to read.
    throw bad('it is not a certificate request in DER')
  }
}

/** The length that the first value claims to have with its head; -1 for what is no sequence of a definite length. */
function derLength(bytes: Buffer): number {
  const [tag, first = 0x80] = bytes
  if (tag !== 0x30 || first === 0x80) return -1
  if (first < 0x80) return 2 + first
  const count = first & 0x7f
  return count > 3 || bytes.length < 2 + count ? -1 : 2 + count + bytes.readUIntBE(2, count)
}

function keyOf(request: Pkcs10CertificateRequest): KeyObject {
  let key: KeyObject
  try {
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
  } catch {
    throw new RequestRefused('weak_key', 'csr: the key in it cannot be used; a key of P-256 or P-384 is wanted.')
  }
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== 'ec' || namedCurve === undefined || !curves.includes(namedCurve)) {
    const bits = modulusLength === undefined ? '' : ` with ${modulusLength} bits`
    throw new RequestRefused(
      'weak_key',
      `csr: the key in it is ${namedCurve ?? key.asymmetricKeyType}${bits}; a key of P-256 or P-384 is wanted.`,
    )
  }
  // By way of its coordinates: whatever form the point had, a certificate holds the usual one.
  return createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' })
}

async function isSignedByItself(request: Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return hashes.includes(request.signatureAlgorithm.hash.name) && (await request.verify())
  } catch {
    return false
  }
}

function namesOf(request: Pkcs10CertificateRequest, allowed: AllowedNames): readonly string[] {
  const names = writtenNames(request)
  const uris = names.filter(({ type }) => type === 'url').map(({ value }) => value)
  const dns = names.filter(({ type }) => type === 'dns').map(({ value }) => value)
  if (uris.length + dns.length < names.length) throw bad('its names (SAN) may be one URI and host names, and nothing else')
  if (uris.length !== 1) throw bad(`its names (SAN) have ${uris.length} URIs, exactly one is wanted`)
  if (uris[0] !== allowed.uri) throw foreign(`the URI in its names (SAN) is not ${allowed.uri}`)
  if (!dns.every((host) => allowed.dns.includes(host))) {
    throw foreign(`a host name in its names (SAN) is not the service's own; allowed: ${allowed.dns.join(', ') || 'none'}`)
  }
  // The texts are those that were allowed, not those that came.
  return allowed.dns.filter((host) => dns.includes(host))
}

function writtenNames(request: Pkcs10CertificateRequest): readonly { readonly type: string; readonly value: string }[] {
  try {
    // Two of anything: a reader that takes the first and one that takes the last would see different requests.
    const lists = request.getAttributes(extensionRequest).flatMap(({ values }) => values)
    if (lists.length > 1) throw bad('it has two lists of extensions')
    const extensions = request.getExtensions(subjectAltName)
    if (extensions.length > 1) throw bad('it has two lists of names (SAN)')
    const [extension] = extensions
    return extension === undefined ? [] : new SubjectAlternativeNameExtension(extension.rawData).names.items
  } catch (error) {
    throw error instanceof RequestRefused ? error : bad('its extensions cannot be read')
  }
}

function bad(problem: string): RequestRefused {
  return new RequestRefused('bad_csr', `csr: ${problem}.`)
}

function foreign(problem: string): RequestRefused {
  return new RequestRefused('foreign_name', `csr: ${problem}.`)
}
