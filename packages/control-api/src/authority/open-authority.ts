/** Opens the authority that a store holds, or makes the first one. */
import { trustDomainSchema } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { AuthorityStore, StoredAuthority, StoredIssuer } from '../store/authority-store.ts'
import type { Authority } from './authority.ts'
import { BuiltInAuthority } from './built-in-authority.ts'
import { HeldAuthority } from './held-authority.ts'
import { newSealSettings } from './key-seal.ts'
import type { Pace } from './rotation.ts'
import { readSecret, type SecretSource } from './sealing-secret.ts'
import { Signer } from './signer.ts'

/** What an authority is made of. */
export interface AuthorityParts {
  readonly store: AuthorityStore
  readonly clock: Clock
  /** Fixed for the life of an authority: it is part of every certificate. */
  readonly trustDomain: string
  /** Under which its keys are kept. */
  readonly secret: SecretSource
  /** How long a leaf is valid. Default 24 h; from 10 s to 90 days. */
  readonly leafLifeMs?: number
  /** Default: 10 s or a quarter of a leaf's life, whichever is shorter, and 10 min. */
  readonly pace?: Partial<Pace>
  /** N of scrypt, a power of two, for a new authority. Default 131072. A test takes less. */
  readonly sealCost?: number
}

const dayMs = 86_400_000
const shortestLifeMs = 10_000
const longestLifeMs = 90 * dayMs

/** @throws Error with a sentence that says why it cannot be: settings that do not fit, a missing key file, a wrong passphrase */
export async function openAuthority(parts: AuthorityParts): Promise<Authority> {
  const { store, clock, leafLifeMs = dayMs } = parts
  const stored = store.load()
  refuseWrongSettings(parts, stored)
  const secret = readSecret(parts.secret, stored === null)
  const seal = stored?.seal ?? newSealSettings(parts.sealCost)
  const signer = new Signer({ secret: secret.bytes, seal }, clock)
  try {
    if (stored === null) store.save(await firstAuthority(parts, signer, seal))
    else await signer.do({ kind: 'open', issuers: stored.roots.flatMap(issuersOf) })
    const pace = { settleMs: Math.min(10_000, leafLifeMs / 4), longestSpreadMs: 600_000, ...parts.pace }
    const held = new HeldAuthority(store)
    const authority = new BuiltInAuthority({ held, clock, signer, pace, leafLifeMs, freshKeyFile: secret.freshKeyFile })
    await authority.catchUp()
    return authority
  } catch (error) {
    await signer.close()
    throw error
  }
}

function refuseWrongSettings({ trustDomain, leafLifeMs = dayMs }: AuthorityParts, stored: StoredAuthority | null): void {
  if (leafLifeMs < shortestLifeMs || leafLifeMs > longestLifeMs) {
    throw new Error(`The life of a certificate is ${leafLifeMs} ms, expected 10 s to 90 days.`)
  }
  const [problem] = trustDomainSchema.safeParse(trustDomain).error?.issues ?? []
  if (problem !== undefined) throw new Error(`The trust domain "${trustDomain}" cannot be used: ${problem.message}.`)
  if (stored !== null && stored.trustDomain !== trustDomain) {
    throw new Error(
      `The authority in this store is that of the trust domain ${stored.trustDomain}, and ${trustDomain} is asked for: it is part of every certificate and cannot be changed.`,
    )
  }
}

async function firstAuthority({ clock, trustDomain }: AuthorityParts, signer: Signer, seal: string): Promise<StoredAuthority> {
  const now = clock.now()
  const { root } = await signer.do({ kind: 'root', trustDomain, number: 1, now, before: null })
  const intermediate = await signer.do({ kind: 'intermediate', trustDomain, number: 1, now, root })
  const first = { number: 1, ...root, link: null, intermediate, isRetired: false }
  return { trustDomain, seal, renewBefore: 0, phase: 'none', since: 0, laggards: [], roots: [first] }
}

function issuersOf({ certificate, key, intermediate }: StoredAuthority['roots'][number]): StoredIssuer[] {
  return [...(key === null ? [] : [{ certificate, key }]), ...(intermediate === null ? [] : [intermediate])]
}
