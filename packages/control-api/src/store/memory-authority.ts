/** A certificate authority in memory alone. */
import type { AuthorityStore, LeafName, StoredAuthority, StoredLeaf } from './authority-store.ts'

/** Lost with the process. */
export function memoryAuthority(): AuthorityStore {
  let kept: StoredAuthority | null = null
  const leaves = new Map<string, StoredLeaf>()
  const named = ({ serial, digest }: LeafName): StoredLeaf | undefined => {
    const leaf = leaves.get(serial)
    return leaf !== undefined && (leaf.digest === digest || leaf.digest === '') ? leaf : undefined
  }
  return {
    load: () => kept,
    save: (authority, saved) => {
      kept = structuredClone(authority)
      saved?.()
    },
    addLeaf: (leaf, now, replaces) => {
      for (const { serial, notAfter } of leaves.values()) if (notAfter <= now) leaves.delete(serial)
      const replaced = replaces === undefined ? undefined : named(replaces)
      if (replaced !== undefined && replaces !== undefined) {
        leaves.set(replaced.serial, { ...replaced, until: Math.min(replaced.until, replaces.until) })
      }
      leaves.set(leaf.serial, leaf)
    },
    countLeaves: (now) => [...leaves.values()].filter(({ until }) => until > now).length,
    lastUse: (last) => [...leaves.values()].reduce((latest, { root, until }) => (root <= last ? Math.max(latest, until) : latest), 0),
    lineOf: (leaf) => named(leaf)?.token ?? '',
    lineEnds: (now) => {
      const ends = new Map<string, number>()
      for (const { token, notAfter } of leaves.values()) {
        if (token !== '' && notAfter > now) ends.set(token, Math.max(notAfter, ends.get(token) ?? 0))
      }
      return ends
    },
  }
}
