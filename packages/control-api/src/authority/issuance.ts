/** Issues leaves: to services by their requests, and to the control API itself. */
import { generateKeyPair, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import { controlSpiffeId, nameSchema, serviceSpiffeId } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { StoredIssuer } from '../store/authority-store.ts'
import type { IssuedCertificate, OwnCertificate, SigningRequest } from './authority.ts'
import type { AllowedNames } from './certificate-request.ts'
import type { HeldAuthority } from './held-authority.ts'
import { RequestRefused, refuseLong } from './request-refused.ts'
import type { Signer } from './signer.ts'
import { chainOf, signingRootOf } from './trust-of.ts'

/** What leaves are made with. */
export interface IssuanceParts {
  readonly held: HeldAuthority
  readonly signer: Signer
  readonly clock: Clock
  readonly leafLifeMs: number
}

const makeKeyPair = promisify(generateKeyPair)
// A process that has its new certificate still shows the old one for some moments: connections are warmed before others go, over 30 s.
const replacedUseMs = 60_000
const hostName = /^(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*$/

/** Every leaf of a service is in the store before anybody has it: a rotation must not forget one that is out there. */
export class Issuance {
  readonly #parts: IssuanceParts

  constructor(parts: IssuanceParts) {
    this.#parts = parts
  }

  async keyHashOf({ service, csr }: Pick<SigningRequest, 'service' | 'csr'>): Promise<string> {
    refuseLong(csr)
    return this.#parts.signer.do({ kind: 'judge', csr, allowed: this.#namesOf(service) })
  }

  async sign({ service, csr, replaces, token = '' }: SigningRequest): Promise<IssuedCertificate> {
    refuseLong(csr)
    const allowed = this.#namesOf(service)
    const { held, signer, clock, leafLifeMs: lifeMs } = this.#parts
    const { root, chain, leaf } = await this.#bySigningRoot((issuer) =>
      signer.do({ kind: 'leaf', issuer, csr, allowed, now: clock.now(), lifeMs }),
    )
    const { certificate, serial, keyHash, notBefore, notAfter } = leaf
    const now = clock.now()
    const digest = new X509Certificate(certificate).fingerprint256
    const replaced = replaces === undefined ? undefined : { ...replaces, until: now + replacedUseMs }
    held.store.addLeaf({ serial, digest, root, until: notAfter, notAfter, token }, now, replaced)
    return { certificates: certificate + chain, serial, digest, keyHash, notBefore, notAfter }
  }

  async own(names: readonly string[]): Promise<OwnCertificate> {
    const wrong = names.find((name) => isIP(name) === 0 && !hostName.test(name))
    if (wrong !== undefined) {
      throw new RequestRefused('foreign_name', `names: "${wrong.slice(0, 300)}" is neither a host name nor an IP address.`)
    }
    const { held, signer, clock, leafLifeMs: lifeMs } = this.#parts
    const keys = await makeKeyPair('ec', { namedCurve: 'P-256' })
    const content = {
      publicKey: new Uint8Array(keys.publicKey.export({ type: 'spki', format: 'der' })),
      uri: controlSpiffeId(held.stored.trustDomain),
      dns: names.filter((name) => isIP(name) === 0),
      ips: names.filter((name) => isIP(name) !== 0),
    }
    const { chain, leaf } = await this.#bySigningRoot((issuer) => signer.do({ kind: 'own', issuer, ...content, now: clock.now(), lifeMs }))
    const { certificate, notBefore, notAfter } = leaf
    return { certificates: certificate + chain, key: keys.privateKey, notBefore, notAfter }
  }

  #namesOf(service: string): AllowedNames {
    if (!nameSchema.safeParse(service).success) throw new RequestRefused('foreign_name', 'service: it is no name of a service.')
    return { uri: serviceSpiffeId(this.#parts.held.stored.trustDomain, service), dns: [service] }
  }

  /** Once more where another root began to sign meanwhile: a rotation counts the leaves of the old root when it asks for their renewal. */
  async #bySigningRoot<T>(sign: (issuer: StoredIssuer) => Promise<T>): Promise<{ root: number; chain: string; leaf: T }> {
    const { held } = this.#parts
    for (;;) {
      const { number: root, intermediate } = signingRootOf(held.stored)
      const chain = chainOf(held.stored)
      const leaf = await sign(intermediate)
      if (signingRootOf(held.stored).number === root) return { root, chain, leaf }
    }
  }
}
