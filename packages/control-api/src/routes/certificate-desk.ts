/** Decides who gets which certificate: at a bounded rate, a single-use token once, and never without a line in the audit. */
import type { CertificateAnswer } from '@zerohop/mesh-core/policy'
import { type Caller, credentialOf, speaksFor } from '../access/caller.ts'
import { IssuanceRate } from '../access/issuance-rate.ts'
import { strangerOf } from '../access/stranger.ts'
import { answerKeptMs, type TokenOffice } from '../access/token-office.ts'
import type { Authority, IssuedCertificate } from '../authority/authority.ts'
import { type RefusalCode, RequestRefused } from '../authority/request-refused.ts'
import type { Clock } from '../clock.ts'
import type { Count, Metrics } from '../observe/metrics.ts'
import type { SpentToken } from '../store/token-store.ts'
import type { ApiRequest } from './operation.ts'
import { RequestProblem } from './problem.ts'
import type { Writes } from './writes.ts'

/** What a desk needs. */
export interface CertificateDeskParts {
  readonly authority: Pick<Authority, 'keyHashOf' | 'lineOf' | 'rotation' | 'sign' | 'trust'>
  readonly office: TokenOffice
  readonly writes: Writes
  /** Names of the control API itself: a service that had one could be taken for it. */
  readonly ownNames: readonly string[]
  /** How long a certificate is valid. */
  readonly leafLifeMs: number
  readonly clock: Clock
  readonly metrics: Metrics
}

/** A request whose parameters were checked, and who sent it. */
interface Asked {
  readonly request: ApiRequest
  readonly caller: Caller
  readonly service: string
  readonly csr: string
  /** The id of the token with which the line of certificates began that the caller is in, or begins; '' where nobody knows. */
  readonly line: string
}

type Certificate = Pick<CertificateAnswer, 'certificates' | 'notBefore' | 'notAfter'>

const statusOf: Readonly<Record<Exclude<RefusalCode, 'failed'>, number>> = {
  bad_csr: 422,
  bad_signature: 422,
  weak_key: 422,
  foreign_name: 403,
  busy: 503,
  closed: 503,
}

/** One for all services. */
export class CertificateDesk {
  readonly #parts: CertificateDeskParts
  readonly #rate: IssuanceRate
  readonly #asked: Count
  /** By single-use token: the key that is being certified, until the token is spent on it. */
  readonly #underWay = new Map<string, { readonly keyHash: string; readonly certificate: Promise<Certificate> }>()

  constructor(parts: CertificateDeskParts) {
    this.#parts = parts
    this.#rate = new IssuanceRate(parts.clock, parts.leafLifeMs)
    this.#asked = parts.metrics.counter('zerohop_control_certificate_requests_total', 'Requests for certificates, by what came of them.', [
      'result',
    ])
  }

  /** @throws RequestProblem */
  async issue(request: ApiRequest, caller: Caller): Promise<CertificateAnswer> {
    const { service, csr } = request.body as { service: string; csr: string }
    const line = caller.leaf === null ? caller.token : this.#parts.authority.lineOf(caller.leaf)
    const asked: Asked = { request, caller, service, csr, line }
    try {
      if (!this.#rate.takes(this.#spenderOf(asked))) throw tooMany(service)
      if (!speaksFor(caller, service)) throw foreign(caller, service)
      if (this.#parts.ownNames.some((name) => name.toLowerCase() === service)) throw reserved(service)
      const { certificates, notBefore, notAfter } = caller.singleUse ? await this.#once(asked) : await this.#signed(asked)
      // The trust of this moment: it may have changed since the certificate was made.
      return { certificates, notBefore, notAfter, trust: this.#parts.authority.trust }
    } catch (error) {
      throw this.#refusal(asked, error)
    }
  }

  /** Whoever holds a single-use token that is void, or is of a line that has ended or is not known, spends nothing of what the service itself needs. */
  #spenderOf({ caller, line, service }: Asked): string {
    if (line === '') return `${caller.service}, no known line`
    return caller.singleUse || this.#parts.office.isRevoked(line) ? line : (caller.service ?? service)
  }

  async #signed(asked: Asked): Promise<Certificate> {
    const { authority, writes } = this.#parts
    const { request, caller, service, csr, line: token } = asked
    this.#refuseEnded(asked)
    const issued = await authority.sign({ service, csr, token, ...(caller.leaf === null ? {} : { replaces: caller.leaf }) })
    return writes.perform(request, () => {
      this.#refuseEnded(asked)
      this.#asked.add({ result: 'issued' })
      return { account: accountOf(asked, issued), result: issued }
    })
  }

  async #once(asked: Asked): Promise<Certificate> {
    const { authority, office } = this.#parts
    const { caller, service, csr } = asked
    const keyHash = await authority.keyHashOf({ service, csr })
    this.#refuseEnded(asked)
    const spent = office.get(caller.token)?.spent ?? null
    if (spent !== null) {
      if (!this.#isSameJoiner(spent, keyHash)) throw refused('used_token')
      // A lost answer is given again as long as it is worth something.
      if (this.#parts.clock.now() < spent.notAfter) return this.#repeated(spent)
    }
    const known = this.#underWay.get(caller.token)
    if (known !== undefined && known.keyHash !== keyHash) throw refused('used_token')
    const entry = known ?? { keyHash, certificate: this.#spending(asked, keyHash) }
    this.#underWay.set(caller.token, entry)
    try {
      return await entry.certificate
    } finally {
      if (this.#underWay.get(caller.token) === entry) this.#underWay.delete(caller.token)
    }
  }

  async #spending(asked: Asked, keyHash: string): Promise<Certificate> {
    const { authority, office, writes } = this.#parts
    const { request, caller, service, csr, line: token } = asked
    const issued = await authority.sign({ service, csr, token })
    const { certificates, notBefore, notAfter } = issued
    return writes.perform(request, () => {
      this.#refuseEnded(asked)
      office.spend(caller.token, { keyHash, certificates, notBefore, notAfter })
      this.#asked.add({ result: 'issued' })
      return { account: accountOf(asked, issued), result: issued }
    })
  }

  // Asked again once the authority has signed: of a token that was taken back meanwhile nobody gets to see what was signed.
  #refuseEnded({ caller, line }: Asked): void {
    if (line === '') return this.#refuseUnknown(caller)
    if (!this.#parts.office.isRevoked(line)) return
    throw refused('revoked_token', caller.token === '' ? `it is ${line}, with which the line of this certificate began` : '')
  }

  /**
   * Whoever has had the authority's key has certificates of which the store knows nothing, as after the return of a backup the services have. Those
   * of the services go on while nothing is turned over; over a rotation, which is to shut the other one out, nobody gets with one.
   */
  #refuseUnknown({ leaf }: Caller): void {
    const { rotation, trust } = this.#parts.authority
    const isOfNewest = leaf !== null && (leaf.root === '' ? trust.roots.length === 1 : leaf.root === trust.roots.at(-1))
    if (rotation.phase !== 'none' || !isOfNewest) throw unknownLine()
  }

  #isSameJoiner(spent: SpentToken, keyHash: string): boolean {
    return spent.keyHash === keyHash && spent.certificates !== '' && this.#parts.clock.now() - spent.at < answerKeptMs
  }

  #repeated(spent: SpentToken): Certificate {
    this.#asked.add({ result: 'repeated' })
    return spent
  }

  /** What is said of a refusal, once it is written down. What is no fault of the asker is not. */
  #refusal({ request, service, caller, line }: Asked, error: unknown): unknown {
    const problem = error instanceof RequestRefused ? problemOf(error) : error
    if (!(problem instanceof RequestProblem)) return problem
    this.#asked.add({ result: problem.code })
    if (problem.status >= 500 || problem.status === 429) return problem
    const whose = problem.code === 'revoked_token' && caller.token === '' ? `, line of token ${line}` : ''
    const subject = `${service} (${problem.code}${whose})`
    this.#parts.writes.perform(request, () => ({
      account: { action: 'identity.refuse', subject, revision: null, forced: false },
      result: undefined,
    }))
    return problem
  }
}

function accountOf({ service, line }: Asked, { serial, notAfter }: IssuedCertificate) {
  const subject = `${service} (serial ${serial}, until ${new Date(notAfter).toISOString()}, ${line === '' ? 'of no known line' : `line of token ${line}`})`
  return { action: 'identity.issue', subject, revision: null, forced: false }
}

function foreign(caller: Caller, service: string): RequestProblem {
  const message = `${credentialOf(caller)} belongs to the service ${caller.service}; it may not have the identity of ${service}.`
  return new RequestProblem(403, 'wrong_service', { message })
}

function reserved(service: string): RequestProblem {
  const message = `${service} is a name of the control API itself, and no service can have it in a certificate: rename the service, or see --tls-names.`
  return new RequestProblem(403, 'foreign_name', { message })
}

function tooMany(service: string): RequestProblem {
  const message = `Too many certificates were asked for ${service}: wait before you try again.`
  return new RequestProblem(429, 'too_many_certificates', { message, headers: { 'retry-after': '5' } })
}

function unknownLine(): RequestProblem {
  const message =
    'Nobody knows with which token the line of this certificate began, and when the root is turned over such a line ends: come with a token.'
  return new RequestProblem(401, 'unknown_line', { message, headers: { 'www-authenticate': 'Bearer' } })
}

function refused(code: 'used_token' | 'revoked_token', detail = ''): RequestProblem {
  const { status, message } = strangerOf(code, detail)
  return new RequestProblem(status, code, { message, headers: { 'www-authenticate': 'Bearer' } })
}

/** What an authority refuses, as it goes on the wire; a fault of its own stays one. */
export function problemOf(error: RequestRefused): RequestProblem | RequestRefused {
  const { code, message } = error
  if (code === 'failed') return error
  const problems = message.startsWith('csr: ') ? [{ path: 'csr', message: message.slice('csr: '.length).replace(/\.$/, '') }] : []
  const status = statusOf[code]
  const headers: Record<string, string> = status === 503 ? { 'retry-after': '2' } : {}
  return new RequestProblem(status, code, { message: `The request is refused: ${message}`, problems, headers })
}
