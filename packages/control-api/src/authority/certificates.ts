/** Makes certificates: roots, links between roots, intermediates and leaves. */
import { randomBytes } from 'node:crypto'
import { onlyTrustDomain } from './name-constraint.ts'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from './x509.ts'

/** A certificate with the key that belongs to it, ready to sign. */
export interface OpenIssuer {
  readonly certificate: X509Certificate
  readonly key: CryptoKey
}

/** From when until when, in milliseconds since 1970; certificates know whole seconds. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** What a leaf says. */
export interface LeafContent extends Validity {
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly uri: string
  readonly dns: readonly string[]
  readonly ips: readonly string[]
}

/** An authority's certificate: what it is to say, and over which key. */
export interface AuthorityContent extends Validity {
  readonly trustDomain: string
  /** `root 2`, `intermediate 2`. */
  readonly title: string
  readonly publicKey: CryptoKey
  /** 0 for an intermediate: nothing but leaves may follow. Undefined leaves it open. */
  readonly pathLength?: number
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
// A common name has at most 64 characters (RFC 5280, upper bounds).
const longestNamePart = 40

/** A new key of P-256, to be sealed. */
export function newKeyPair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

/** A key in PKCS#8, as it was sealed. It cannot be taken out again. */
export function importKey(pkcs8: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
}

/** A certificate that signs others; signed by `issuer`, or by its own key where that is one. */
export async function makeAuthority(content: AuthorityContent, issuer: OpenIssuer | CryptoKey): Promise<X509Certificate> {
  const { trustDomain, title, publicKey, pathLength } = content
  const subject = [{ CN: [`${trustDomain.slice(0, longestNamePart)} ${title}`] }]
  const isSelfSigned = !('certificate' in issuer)
  return signed({
    content,
    publicKey,
    subject,
    issuer: isSelfSigned ? { name: subject, keyOf: publicKey, key: issuer } : signerOf(issuer),
    extensions: [
      new BasicConstraintsExtension(true, pathLength, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      onlyTrustDomain(trustDomain),
    ],
  })
}

/** The certificate of a root, signed once more by another root: whoever believes that one is led to this one. */
export function linkRoot(root: X509Certificate, content: AuthorityContent, issuer: OpenIssuer): Promise<X509Certificate> {
  return signed({
    content,
    publicKey: content.publicKey,
    subject: root.subjectName,
    issuer: signerOf(issuer),
    extensions: root.extensions.filter(({ type }) => !keyIdentifiers.has(type)),
  })
}

const keyIdentifiers: ReadonlySet<string> = new Set(['2.5.29.14', '2.5.29.35'])

/** The certificate of a service: its subject is empty, all that counts is in its names. */
export function makeLeaf(leaf: LeafContent, issuer: OpenIssuer): Promise<X509Certificate> {
  const names: JsonGeneralNames = [
    { type: 'url', value: leaf.uri },
    ...leaf.dns.map((value) => ({ type: 'dns' as const, value })),
    ...leaf.ips.map((value) => ({ type: 'ip' as const, value })),
  ]
  return signed({
    content: leaf,
    publicKey: leaf.publicKey,
    subject: [],
    issuer: signerOf(issuer),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(names, true),
    ],
  })
}

interface Unsigned {
  readonly content: Validity
  readonly publicKey: CryptoKey | Uint8Array<ArrayBuffer>
  readonly subject: X509Certificate['subjectName'] | Record<string, string[]>[]
  readonly issuer: {
    readonly name: X509Certificate['subjectName'] | Record<string, string[]>[]
    readonly keyOf: CryptoKey | X509Certificate
    readonly key: CryptoKey
  }
  readonly extensions: readonly Extension[]
}

function signerOf({ certificate, key }: OpenIssuer): Unsigned['issuer'] {
  return { name: certificate.subjectName, keyOf: certificate, key }
}

async function signed({ content, publicKey, subject, issuer, extensions }: Unsigned): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject,
    issuer: issuer.name,
    notBefore: new Date(wholeSeconds(content.notBefore)),
    notAfter: new Date(wholeSeconds(content.notAfter)),
    publicKey,
    signingKey: issuer.key,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.keyOf),
    ],
  })
}

/** 126 random bits between 01 and the end: positive in DER, and of one length wherever it is shown. */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/** Cut off, never rounded: a certificate must not begin before its issuer, nor end after what was promised. */
export function wholeSeconds(at: number): number {
  return Math.floor(at / 1000) * 1000
}
