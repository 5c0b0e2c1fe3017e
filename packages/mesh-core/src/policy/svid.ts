/** Reads a certificate as an X509-SVID, by the rules for leaves of the SPIFFE standard (https://github.com/spiffe/spiffe, X509-SVID.md). */
import { X509Certificate } from 'node:crypto'
import { readDer, readOnly, tag } from './der.ts'
import { readSpiffeId } from './spiffe-id.ts'

/** Why a certificate is not taken: `not_an_svid` breaks a rule of the standard, whenever it is looked at. */
export type SvidFlaw = 'not_an_svid' | 'expired' | 'not_yet_valid' | 'wrong_trust_domain'

/** Whom an SVID speaks for. */
export interface SvidHolder {
  readonly spiffeId: string
  /** Until when, in milliseconds since 1970. */
  readonly notAfter: number
}

/** Whom a certificate speaks for; or the flaw, and the end of a sentence that begins with "its certificate". */
export type SvidReading =
  | { readonly ok: true; readonly peer: SvidHolder }
  | { readonly ok: false; readonly flaw: SvidFlaw; readonly problem: string }

// Object identifiers as they are encoded: comparing bytes leaves nothing to how one is read.
const basicConstraints = '551d13'
const keyUsage = '551d0f'
const extendedKeyUsage = '551d25'
const subjectAltName = '551d11'
const serverAuth = '2b06010505070301'
const clientAuth = '2b06010505070302'

// In the first byte of KeyUsage, whose bits count from the left (RFC 5280, 4.2.1.3).
const digitalSignature = 0x80
const keyCertSign = 0x04
const crlSign = 0x02

// Every form that a name can have, as it is tagged in DER (RFC 5280, 4.2.1.6); the URI is one of them.
const nameTags = new Set([0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x86, 0x87, 0x88])
const uriTag = 0x86

class Flaw extends Error {
  readonly flaw: SvidFlaw

  constructor(flaw: SvidFlaw, problem: string) {
    super(problem)
    this.flaw = flaw
  }
}

/**
 * Reads a leaf in DER. That its chain leads to a root of the bundle is not asked here. Never throws.
 * @param trustDomain the one whose members are believed
 * @param now milliseconds since 1970
 */
export function readSvid(leaf: Buffer, trustDomain: string, now: number): SvidReading {
  try {
    return { ok: true, peer: peerIn(leaf, trustDomain, now) }
  } catch (error) {
    if (error instanceof Flaw) return { ok: false, flaw: error.flaw, problem: error.message }
    return { ok: false, flaw: 'not_an_svid', problem: `cannot be read: ${(error as Error).message}` }
  }
}

/** What stands in a certificate as URIs, in their order. @throws Error where it is no certificate, or badly encoded */
export function urisOf(certificate: Buffer): string[] {
  const names = extensionsOf(certificate).get(subjectAltName)
  return names === undefined ? [] : urisAmong(names)
}

function peerIn(leaf: Buffer, trustDomain: string, now: number): SvidHolder {
  const extensions = extensionsOf(leaf)
  checkUses(extensions)
  const spiffeId = spiffeIdAmong(extensions.get(subjectAltName))
  const read = readSpiffeId(spiffeId)
  if (!read.ok) throw notAnSvid(`has ${shown(spiffeId)} as its URI, which is no SPIFFE ID: ${read.problem}`)
  if (read.id.path === '') throw notAnSvid(`has ${spiffeId} as its SPIFFE ID, which names a trust domain and nobody in it`)
  const { validFromDate, validToDate } = new X509Certificate(leaf)
  const [notBefore, notAfter] = [validFromDate.getTime(), validToDate.getTime()]
  // Written so that a date that cannot be read, which is NaN, passes neither.
  const times = (): string => `(${spiffeId}; valid from ${written(notBefore)} until ${written(notAfter)}, and it is ${written(now)} here)`
  if (!(notAfter > now)) throw new Flaw('expired', `has expired ${times()}`)
  if (!(notBefore <= now)) throw new Flaw('not_yet_valid', `is not valid yet ${times()}`)
  if (read.id.trustDomain !== trustDomain) {
    throw new Flaw(
      'wrong_trust_domain',
      `is of another trust domain: it names ${shown(spiffeId)}, and only ${trustDomain} is believed here`,
    )
  }
  return { spiffeId, notAfter }
}

function checkUses(extensions: ReadonlyMap<string, Buffer>): void {
  const constraints = extensions.get(basicConstraints)
  if (constraints !== undefined && mayIssue(constraints)) throw notAnSvid('is one of an authority (CA:TRUE), not of a service')
  const usage = extensions.get(keyUsage)
  if (usage === undefined) throw notAnSvid('does not say what its key is for (no keyUsage)')
  const bits = readOnly(usage, tag.bits).content[1] ?? 0
  if ((bits & keyCertSign) !== 0) throw notAnSvid('lets its key sign certificates (keyCertSign)')
  if ((bits & crlSign) !== 0) throw notAnSvid('lets its key sign revocation lists (cRLSign)')
  if ((bits & digitalSignature) === 0) throw notAnSvid('does not let its key sign (no digitalSignature)')
  const purposes = extensions.get(extendedKeyUsage)
  if (purposes === undefined) return
  const listed = new Set(readDer(readOnly(purposes, tag.sequence).content).map(({ content }) => content.toString('hex')))
  if (!listed.has(serverAuth)) throw notAnSvid('is not meant for servers (extendedKeyUsage without serverAuth)')
  if (!listed.has(clientAuth)) throw notAnSvid('is not meant for clients (extendedKeyUsage without clientAuth)')
}

function mayIssue(constraints: Buffer): boolean {
  const [first] = readDer(readOnly(constraints, tag.sequence).content)
  return first !== undefined && first.tag === tag.boolean && first.content.some((byte) => byte !== 0)
}

function spiffeIdAmong(names: Buffer | undefined): string {
  const uris = names === undefined ? [] : urisAmong(names)
  const [uri, second] = uris
  if (uri === undefined) throw notAnSvid('names no URI (subjectAltName), and so no SPIFFE ID')
  if (second !== undefined) throw notAnSvid(`names ${uris.length} URIs where an SVID has one: ${shown(uris.join(' '))}`)
  return uri
}

// The names as they are encoded, one by one: text in which they stand side by side can be written so that one name looks like two.
function urisAmong(names: Buffer): string[] {
  const uris: string[] = []
  for (const name of readDer(readOnly(names, tag.sequence).content)) {
    if (!nameTags.has(name.tag)) throw new RangeError(`a name has the tag ${name.tag}, which no form of names has`)
    if (name.tag === uriTag) uris.push(name.content.toString('latin1'))
  }
  return uris
}

function extensionsOf(certificate: Buffer): Map<string, Buffer> {
  const [body] = readDer(readOnly(certificate, tag.sequence).content)
  if (body === undefined || body.tag !== tag.sequence) throw new RangeError('it has no body')
  const extensions = new Map<string, Buffer>()
  const last = readDer(body.content).at(-1)
  // 0xa3: the extensions, where there are any, are the last of what the body holds (RFC 5280, 4.1).
  if (last?.tag !== 0xa3) return extensions
  for (const extension of readDer(readOnly(last.content, tag.sequence).content)) {
    const parts = readDer(extension.content)
    const id = parts[0]?.tag === tag.oid ? parts[0].content.toString('hex') : ''
    const value = parts.at(-1)
    if (extension.tag !== tag.sequence || id === '' || value?.tag !== tag.bytes) throw new RangeError('an extension is malformed')
    if (extensions.has(id)) throw new RangeError('an extension stands there twice')
    extensions.set(id, value.content)
  }
  return extensions
}

function notAnSvid(problem: string): Flaw {
  return new Flaw('not_an_svid', problem)
}

function written(at: number): string {
  return Number.isNaN(at) ? 'a time that cannot be read' : new Date(at).toISOString()
}

// What a stranger wrote goes into a log: bounded, and without line ends or quotes of its own.
function shown(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text)
}
