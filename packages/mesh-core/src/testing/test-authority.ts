/** An authority for tests: certificates of every kind, the wrong ones included, made in the process and known to nobody else. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Identity, IdentitySource } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import { bits, context, der, integer, oid, pem, sequence, tag } from '../policy/der.ts'
import { serviceInSpiffeId, serviceSpiffeId } from '../policy/spiffe-id.ts'

/** What a certificate of a test says; what is left out is as a good leaf has it. */
export interface TestCertificateOptions {
  /** Default: the ID of the service. */
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  /** The common name; default none. */
  readonly commonName?: string
  /** True for an authority. Default false. */
  readonly ca?: boolean
  /** Bits of KeyUsage by their numbers: 0 digitalSignature, 5 keyCertSign, 6 cRLSign. Default [0]. null leaves the extension out. */
  readonly keyUsage?: readonly number[] | null
  /** Default `serverAuth` and `clientAuth`. null leaves the extension out. */
  readonly extendedKeyUsage?: readonly string[] | null
  /** Milliseconds since 1970. Default two minutes ago. */
  readonly notBefore?: number
  /** Default in a day. */
  readonly notAfter?: number
  /** Default: a new P-256 key. */
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  /** Default: this authority. `self`: signed by its own key. */
  readonly issuer?: TestCertificate | 'self'
}

/** A certificate with its key. */
export interface TestCertificate {
  readonly pem: string
  readonly der: Buffer
  readonly key: KeyObject
  /** The key in PKCS#8 PEM. */
  readonly keyPem: string
  readonly name: Buffer
  readonly publicKey: KeyObject
  readonly notBefore: number
  readonly notAfter: number
}

/** An IdentitySource that a test sets. */
export interface TestIdentitySource extends IdentitySource {
  /** Another identity from now on; without one a new certificate of the same service. */
  turn(identity?: Identity): Identity
}

/** A trust domain of a test. */
export interface TestAuthority {
  readonly trustDomain: string
  readonly root: TestCertificate
  /** A certificate for a service, or a hostile one by `options`. */
  issue(service: string, options?: TestCertificateOptions): TestCertificate
  /** An identity as a source hands it out. */
  identityOf(
    service: string,
    options?: TestCertificateOptions & { readonly generation?: number; readonly roots?: readonly string[] },
  ): Identity
  /** A source of identities of a service. */
  identitySource(service: string, options?: TestCertificateOptions): TestIdentitySource
}

const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))
const dayMs = 86_400_000

/** Makes a trust domain. Default `test.zerohop`. */
export function testAuthority(trustDomain = 'test.zerohop'): TestAuthority {
  const root = made(nameOf(`root of ${trustDomain}`), {
    ca: true,
    keyUsage: [5, 6],
    extendedKeyUsage: null,
    uris: [],
    issuer: 'self',
    notAfter: Date.now() + 365 * dayMs,
  })
  let generations = 0
  const issue = (service: string, options: TestCertificateOptions = {}): TestCertificate => {
    const uris = options.uris ?? [serviceSpiffeId(trustDomain, service)]
    return made(nameOf(options.commonName ?? ''), { issuer: root, ...options, uris })
  }
  const identityOf: TestAuthority['identityOf'] = (service, options = {}) => {
    const leaf = issue(service, options)
    const roots = options.roots ?? [root.pem]
    generations++
    return {
      generation: options.generation ?? generations,
      spiffeId: options.uris?.[0] ?? serviceSpiffeId(trustDomain, service),
      bundle: { trustDomain, roots },
      certificates: leaf.pem,
      key: leaf.key,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
      // A hostile certificate must reach the other end: nothing is checked on this one.
      context: createSecureContext({ cert: leaf.pem, key: leaf.keyPem, ca: [...roots], minVersion: 'TLSv1.3' }),
      idOf: (called) => serviceSpiffeId(trustDomain, called),
      serviceOf: (id) => serviceInSpiffeId(trustDomain, id),
    }
  }
  const identitySource: TestAuthority['identitySource'] = (service, options) => {
    const source = new WatchSource<Identity>(identityOf(service, options))
    return Object.assign(source, {
      name: 'test',
      problem: '',
      start: () => {},
      renew: async () => {},
      close: async () => {},
      turn: (identity: Identity = identityOf(service, options)) => {
        source.set(identity)
        return identity
      },
    })
  }
  return { trustDomain, root, issue, identityOf, identitySource }
}

function made(name: Buffer, options: TestCertificateOptions & { readonly uris: readonly string[] }): TestCertificate {
  const keys = options.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer =
    options.issuer === 'self' || options.issuer === undefined ? { name, key: keys.privateKey, publicKey: keys.publicKey } : options.issuer
  const notBefore = options.notBefore ?? Date.now() - 120_000
  const notAfter = options.notAfter ?? Date.now() + dayMs
  const content = sequence(
    context(0, integer(2)),
    integer(randomBytes(15)),
    ecdsaWithSha256,
    issuer.name,
    sequence(time(notBefore), time(notAfter)),
    name,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions(options, keys.publicKey, issuer.publicKey))),
  )
  const bytes = sequence(content, ecdsaWithSha256, bits(sign('sha256', content, issuer.key)))
  const keyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { pem: pem('CERTIFICATE', bytes), der: bytes, key: keys.privateKey, keyPem, name, publicKey: keys.publicKey, notBefore, notAfter }
}

function extensions(options: TestCertificateOptions, publicKey: KeyObject, issuerKey: KeyObject): Buffer[] {
  const { ca = false, keyUsage = [0], extendedKeyUsage = [serverAuth, clientAuth], uris = [], dns = [] } = options
  const names = [...uris.map((uri) => der(0x86, Buffer.from(uri, 'latin1'))), ...dns.map((host) => der(0x82, Buffer.from(host, 'latin1')))]
  return [
    extension('2.5.29.19', true, ca ? sequence(der(tag.boolean, Buffer.from([0xff]))) : sequence()),
    ...(keyUsage === null ? [] : [extension('2.5.29.15', true, usageBits(keyUsage))]),
    ...(extendedKeyUsage === null ? [] : [extension('2.5.29.37', false, sequence(...extendedKeyUsage.map(oid)))]),
    extension('2.5.29.14', false, der(tag.bytes, keyId(publicKey))),
    extension('2.5.29.35', false, sequence(der(0x80, keyId(issuerKey)))),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', true, sequence(...names))]),
  ]
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [der(tag.boolean, Buffer.from([0xff]))] : []), der(tag.bytes, value))
}

function usageBits(numbers: readonly number[]): Buffer {
  const byte = numbers.reduce((all, number) => all | (0x80 >> number), 0)
  const unused = 7 - Math.max(0, ...numbers)
  return der(tag.bits, Buffer.from([unused, byte]))
}

function keyId(publicKey: KeyObject): Buffer {
  // The point itself, at the end of the key's DER, names it well enough for a test.
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-20)
}

function nameOf(commonName: string): Buffer {
  if (commonName === '') return sequence()
  return sequence(der(tag.set, sequence(oid('2.5.4.3'), der(tag.utf8, Buffer.from(commonName)))))
}

// Years from 2050 on need the longer form (RFC 5280, 4.1.2.5).
function time(at: number): Buffer {
  const text = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')
  return Number(text.slice(0, 4)) < 2050 ? der(tag.utcTime, Buffer.from(text.slice(2))) : der(tag.generalizedTime, Buffer.from(text))
}
