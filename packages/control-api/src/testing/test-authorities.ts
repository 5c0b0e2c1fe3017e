/** Authorities of the control API for tests: over a store and a clock that outlive each of them, as after a crash. */
import { X509Certificate } from 'node:crypto'
import { fakeClock } from '@zerohop/mesh-core/testing'
import type { Authority, RotationWorld } from '../authority/authority.ts'
import { type AuthorityParts, openAuthority } from '../authority/open-authority.ts'
import type { Clock } from '../clock.ts'
import type { AuthorityStore } from '../store/authority-store.ts'
import { memoryAuthority } from '../store/memory-authority.ts'

/** Everybody trusts everything. */
export const willingWorld: RotationWorld = { laggards: () => [] }

/** One store, one clock, one authority at a time. */
export class TestAuthorities {
  readonly #fake = fakeClock()
  readonly #startedAt = Date.now()
  readonly #opened: Authority[] = []
  /** The wall's, as far as it was turned: certificates are also looked at by those who know no other. */
  readonly clock: Clock = {
    now: () => this.#startedAt + this.#fake.now(),
    setTimer: (ms, fire) => this.#fake.setTimer(ms, fire),
  }
  store: AuthorityStore = memoryAuthority()

  async open(parts: Partial<AuthorityParts> = {}): Promise<Authority> {
    const { store, clock } = this
    const secret = { passphrase: 'a passphrase of tests' }
    const authority = await openAuthority({ store, clock, trustDomain: 'shop.internal', secret, sealCost: 1024, ...parts })
    this.#opened.push(authority)
    return authority
  }

  /** Ends what runs, and opens it again. */
  async restart(parts: Partial<AuthorityParts> = {}): Promise<Authority> {
    await this.close()
    return this.open(parts)
  }

  pass(by: string | number): Promise<void> {
    return this.#fake.advance(by)
  }

  async close(): Promise<void> {
    for (const authority of this.#opened.splice(0)) await authority.close()
  }
}

/** Certificates that stand one after the other in PEM. */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN[A-Za-z0-9+/=\s-]*?-----END CERTIFICATE-----/g) ?? []).map((one) => new X509Certificate(one))
}

/** True where a leaf leads by what follows it to one of the roots, each certificate valid at `at`, each issuer an authority. */
export function leadsTo(roots: readonly string[], certificates: string, at: number): boolean {
  const [leaf, ...others] = certificatesIn(certificates)
  const anchors = roots.map((root) => new X509Certificate(root))
  const isValid = ({ validFromDate, validToDate }: X509Certificate) => validFromDate.getTime() <= at && at < validToDate.getTime()
  const issued = (issuer: X509Certificate, one: X509Certificate) => issuer.ca && one.checkIssued(issuer) && one.verify(issuer.publicKey)
  const reaches = (one: X509Certificate, left: readonly X509Certificate[]): boolean =>
    isValid(one) &&
    (anchors.some((anchor) => isValid(anchor) && issued(anchor, one)) ||
      left.some(
        (issuer) =>
          issued(issuer, one) &&
          reaches(
            issuer,
            left.filter((other) => other !== issuer),
          ),
      ))
  return leaf !== undefined && !leaf.ca && reaches(leaf, others)
}
