/** Makes an identity of texts that somebody else has written, after checking that they fit together; says which of them does not. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { Identity } from '../kernel/identity.ts'
import { readSpiffeId, type SpiffeId } from '../policy/spiffe-id.ts'
import { urisOf } from '../policy/svid.ts'
import { namesIn } from './foreign-names.ts'
import { certificatesIn, madeIdentity, rootsIn } from './made-identity.ts'

/** A certificate, its key and the roots, each in PEM; or, of each, where it comes from. */
export interface ForeignTexts {
  /** The leaf first, then intermediates. */
  readonly certificate: string
  /** Not encrypted. */
  readonly key: string
  readonly roots: string
}

/** What the maker knows besides the texts. */
export interface ForeignGround {
  readonly generation: number
  /** Milliseconds since 1970. */
  readonly now: number
  /** Where each text comes from, for messages. */
  readonly places: ForeignTexts
  /**
   * The form of the services' SPIFFE IDs, with `{service}` in it, and `{trustDomain}` for that of the certificate, by the ID of the certificate
   * itself. What it throws ends a sentence that begins with "the certificate".
   */
  formOf(own: SpiffeId): string
}

/** @throws Error with a sentence that begins with the part that cannot be used, and shows nothing of the key */
export function foreignIdentity(texts: ForeignTexts, { generation, now, places, formOf }: ForeignGround): Identity {
  const key = readKey(texts.key, places.key)
  const roots = within(`roots: ${places.roots}: the texts`, () => rootsIn([texts.roots]))
  return within(`certificate: the certificate in ${places.certificate}`, () => {
    const [leaf] = certificatesIn(texts.certificate)
    const [uri = ''] = urisOf(leaf.raw)
    const reading = readSpiffeId(uri)
    const own = reading.ok ? reading.id : { trustDomain: '', path: '' }
    const bundle = { trustDomain: own.trustDomain, roots }
    // Its own ID is judged first: of one that is none there is no form.
    const naming = reading.ok ? namesIn(formOf(own), own.trustDomain) : { idOf: () => '', serviceOf: () => '' }
    return madeIdentity({ certificates: texts.certificate, key, bundle }, { generation, now, naming })
  })
}

/** True where two identities differ in nothing but their generation. */
export function isSameIdentity(one: Identity, other: Identity | undefined): boolean {
  return other !== undefined && one.certificates === other.certificates && one.bundle.roots.join() === other.bundle.roots.join()
}

function readKey(text: string, place: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    // What node says of a key that it cannot read may show some of it.
    throw new Error(`key: ${place} holds no private key that can be read; it must be PEM and not encrypted`)
  }
}

/** Begins the sentence of what goes wrong within. */
function within<T>(subject: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new Error(`${subject} ${(error as Error).message}`)
  }
}
