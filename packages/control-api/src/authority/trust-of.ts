/** What the world is told of an authority: whom to believe, how old roots lead to new ones, what goes with a leaf. */
import { createHash } from 'node:crypto'
import type { IdentityRoots, TrustSection } from '@zerohop/mesh-core/policy'
import type { StoredAuthority, StoredIssuer, StoredRoot } from '../store/authority-store.ts'

/** A root under which leaves are signed. */
export type SigningRoot = StoredRoot & { readonly intermediate: StoredIssuer }

/** The root that signs now. During a rotation that is spreading it is not yet the newest one. */
export function signingRootOf({ roots }: StoredAuthority): SigningRoot {
  return roots.findLast(signs) as SigningRoot
}

/** The trust section of documents. */
export function trustOf({ trustDomain, renewBefore, roots }: StoredAuthority): TrustSection {
  const believed = believedOf(roots)
  const text = JSON.stringify([trustDomain, believed, renewBefore])
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { hash, trustDomain, roots: believed, renewBefore }
}

/**
 * For newcomers. A token may name a root that has been retired since: with the links comes that root itself, since its fingerprint alone
 * checks no signature.
 */
export function rootsOf({ trustDomain, roots }: StoredAuthority): IdentityRoots {
  const links = roots.flatMap(({ certificate, link, isRetired }) => [...(isRetired ? [certificate] : []), ...(link === null ? [] : [link])])
  return { trustDomain, roots: believedOf(roots), links }
}

/**
 * What follows a leaf: the intermediate, and during a rotation the link by which those that have not heard of the new root come to it from
 * the old one.
 */
export function chainOf(authority: StoredAuthority): string {
  const { intermediate, link } = signingRootOf(authority)
  return authority.phase === 'renewing' && link !== null ? intermediate.certificate + link : intermediate.certificate
}

function believedOf(roots: readonly StoredRoot[]): string[] {
  return roots.filter(({ isRetired }) => !isRetired).map(({ certificate }) => certificate)
}

function signs(root: StoredRoot): root is SigningRoot {
  return !root.isRetired && root.intermediate !== null
}
