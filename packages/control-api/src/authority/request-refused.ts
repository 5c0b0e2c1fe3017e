/** Why an authority does not sign. */

/**
 * `bad_csr`: it cannot be read, is too large, or says what no request of a service may say · `bad_signature`: it is not signed by its own key ·
 * `weak_key`: no key of P-256 or P-384 · `foreign_name`: a name that is not the service's own · `busy`: too many requests wait ·
 * `closed`: the authority ends · `failed`: a fault of the authority itself, not of the request.
 */
export type RefusalCode = 'bad_csr' | 'bad_signature' | 'weak_key' | 'foreign_name' | 'busy' | 'closed' | 'failed'

/** A certificate is not issued; the message is a sentence for who asked, with the name of the field and without a secret. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly code: RefusalCode

  constructor(code: RefusalCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options)
    this.code = code
  }
}

// One of P-256 with its names has less than a kilobyte.
const mostCharacters = 16_384

/** @throws RequestRefused where a request is so long that it is not even looked at: to be asked before it goes anywhere */
export function refuseLong(csr: string): void {
  if (csr.length <= mostCharacters) return
  throw new RequestRefused('bad_csr', `csr: it has ${csr.length} characters, at most ${mostCharacters} are taken.`)
}
