/** Does the jobs of the thread that signs: it alone opens the keys of the authority, and they never leave it but sealed. */

import type { StoredIssuer } from '../store/authority-store.ts'
import { backdatedMs } from './authority.ts'
import { judgeRequest } from './certificate-request.ts'
import {
  type AuthorityContent,
  importKey,
  type LeafContent,
  linkRoot,
  makeAuthority,
  makeLeaf,
  newKeyPair,
  type OpenIssuer,
  type Validity,
  wholeSeconds,
} from './certificates.ts'
import { fingerprintOf } from './fingerprint.ts'
import { KeySeal } from './key-seal.ts'
import type { DeskSettings, JobKind, SignedLeaf, SigningJob, SigningJobs } from './signing-job.ts'
import { X509Certificate } from './x509.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const rootLifeMs = 3653 * dayMs
const intermediateLifeMs = 365 * dayMs
// Each is valid before what it signs can be, so that a leaf is backdated by its full two minutes also under an issuer made just now.
const rootBackdatedMs = 2 * hourMs
const intermediateBackdatedMs = hourMs
// The root and the intermediate of today and of a rotation, and some more.
const mostOpen = 16

/** One desk for each thread. */
export class SigningDesk {
  readonly #seal: Promise<KeySeal>
  readonly #open = new Map<string, Promise<OpenIssuer>>()

  constructor({ secret, seal }: DeskSettings) {
    this.#seal = KeySeal.made(secret, seal)
    // It is told to whoever asks first.
    this.#seal.catch(() => {})
  }

  /** @throws RequestRefused, SealBroken */
  do<K extends JobKind>(job: SigningJob<K>): Promise<SigningJobs[K]['gives']>
  do(job: SigningJob): Promise<SigningJobs[JobKind]['gives']> {
    switch (job.kind) {
      case 'open':
        return Promise.all(job.issuers.map((issuer) => this.#opened(issuer))).then(() => null)
      case 'root':
        return this.#makeRoot(job)
      case 'intermediate':
        return this.#makeIntermediate(job)
      case 'judge':
        return judgeRequest(job.csr, job.allowed).then(({ keyHash }) => keyHash)
      case 'leaf':
        return this.#signRequest(job)
      case 'own':
        return this.#sign(job, job)
    }
  }

  async #makeRoot({ trustDomain, number, now, before }: SigningJob<'root'>): Promise<SigningJobs['root']['gives']> {
    const keys = await newKeyPair()
    const validity = { notBefore: now - rootBackdatedMs, notAfter: now + rootLifeMs }
    const content: AuthorityContent = { ...validity, trustDomain, title: `root ${number}`, publicKey: keys.publicKey }
    const root = await makeAuthority(content, keys.privateKey)
    if (before === null) return { root: await this.#sealed(root, keys), link: null }
    const issuer = await this.#opened(before)
    const link = await linkRoot(root, { ...content, ...within(validity, issuer) }, issuer)
    return { root: await this.#sealed(root, keys), link: pemOf(link) }
  }

  async #makeIntermediate({ trustDomain, number, now, root }: SigningJob<'intermediate'>): Promise<StoredIssuer> {
    const keys = await newKeyPair()
    const issuer = await this.#opened(root)
    const validity = within({ notBefore: now - intermediateBackdatedMs, notAfter: now + intermediateLifeMs }, issuer)
    const title = `intermediate ${number}`
    const made = await makeAuthority({ ...validity, trustDomain, title, publicKey: keys.publicKey, pathLength: 0 }, issuer)
    return this.#sealed(made, keys)
  }

  async #signRequest(job: SigningJob<'leaf'>): Promise<SigningJobs['leaf']['gives']> {
    const { publicKey, keyHash, dns } = await judgeRequest(job.csr, job.allowed)
    return { ...(await this.#sign(job, { publicKey, uri: job.allowed.uri, dns, ips: [] })), keyHash }
  }

  async #sign(
    { issuer: stored, now, lifeMs }: SigningJob<'leaf' | 'own'>,
    { publicKey, uri, dns, ips }: Omit<LeafContent, keyof Validity>,
  ): Promise<SignedLeaf> {
    const issuer = await this.#opened(stored)
    const { notBefore, notAfter } = within({ notBefore: now - backdatedMs, notAfter: now + lifeMs }, issuer)
    const leaf = await makeLeaf({ publicKey, uri, dns, ips, notBefore, notAfter }, issuer)
    return { certificate: pemOf(leaf), serial: leaf.serialNumber.toUpperCase(), notBefore, notAfter }
  }

  #opened({ certificate, key }: StoredIssuer): Promise<OpenIssuer> {
    const known = this.#open.get(certificate)
    if (known !== undefined) return known
    if (this.#open.size >= mostOpen) this.#open.clear()
    const opening = this.#seal.then(async (seal) => ({
      certificate: new X509Certificate(certificate),
      key: await importKey(new Uint8Array(seal.open(key, fingerprintOf(certificate)))),
    }))
    this.#open.set(certificate, opening)
    return opening
  }

  async #sealed(certificate: X509Certificate, keys: CryptoKeyPair): Promise<StoredIssuer> {
    const seal = await this.#seal
    const key = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
    const pem = pemOf(certificate)
    return { certificate: pem, key: seal.seal(key, fingerprintOf(pem)) }
  }
}

/** The part of a time in which the issuer is valid, too. */
function within({ notBefore, notAfter }: Validity, { certificate }: OpenIssuer): Validity {
  return {
    notBefore: wholeSeconds(Math.max(notBefore, certificate.notBefore.getTime())),
    notAfter: wholeSeconds(Math.min(notAfter, certificate.notAfter.getTime())),
  }
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}
