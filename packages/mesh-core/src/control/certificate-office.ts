/** The authority behind a control API: where certificates are asked for, and what was last heard of its roots. */
import type { Watch } from '../kernel/watch.ts'
import { type CertificateAnswer, certificateAnswerSchema, identityRootsSchema, type TrustSection } from '../policy/exchange.ts'
import { checkedAs, jsonIn } from './answer-reading.ts'
import { type ControlClient, type ControlQuestion, isEndOfLine } from './control-client.ts'
import { ControlFailure } from './control-failure.ts'
import { rootsPath } from './pinned-roots.ts'

export interface CertificateOfficeOptions {
  readonly service: string
  readonly client: ControlClient
  readonly trust: Watch<TrustSection>
}

/** One per mesh. What it rejects with is a ControlFailure. */
export class CertificateOffice {
  readonly trust: Watch<TrustSection>
  readonly #service: string
  readonly #client: ControlClient

  constructor({ service, client, trust }: CertificateOfficeOptions) {
    this.trust = trust
    this.#service = service
    this.#client = client
  }

  /** How many addresses there are to ask. */
  get addresses(): number {
    return this.#client.size
  }

  /** The trust domain; null where the control API issues no certificates. */
  async trustDomain(patience: Pick<ControlQuestion, 'limitMs' | 'signal'>): Promise<string | null> {
    try {
      const { body } = await this.#client.ask({ method: 'GET', path: rootsPath, ...patience })
      return checkedAs(identityRootsSchema, jsonIn(body), []).trustDomain
    } catch (error) {
      // In its own words: whatever stands before it answers 404, too, while it is away, and that is no reason to go on in plaintext.
      if (error instanceof ControlFailure && error.status === 404 && error.code !== '') return null
      throw error
    }
  }

  /** Asks for a certificate by a PKCS#10 request in PEM. */
  async sign(csr: string, patience: Pick<ControlQuestion, 'limitMs' | 'signal'>): Promise<CertificateAnswer> {
    const question = { method: 'POST', path: '/v1/identity/certificates', body: { service: this.#service, csr } } as const
    const { body } = await this.#client.ask({ ...question, ...patience }).catch((error: unknown) => {
      // The token may be another one by now, and begin another line. Where it is the same one, its refusal says what there is to say.
      if (error instanceof ControlFailure && isEndOfLine(error.code)) return this.#client.ask({ ...question, ...patience, withToken: true })
      throw error
    })
    return checkedAs(certificateAnswerSchema, jsonIn(body), [])
  }
}
