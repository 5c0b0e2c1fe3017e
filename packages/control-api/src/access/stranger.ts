/** Who is not let in, and why. */

/** Why nobody was recognised. */
export type StrangerCode =
  | 'no_token'
  | 'wrong_token'
  | 'expired_token'
  | 'used_token'
  | 'revoked_token'
  | 'wrong_certificate'
  | 'expired_certificate'
  | 'too_many_attempts'

/** No caller was recognised. */
export interface Stranger {
  readonly code: StrangerCode
  /** One sentence, without the token. */
  readonly message: string
  /** 401 or 429. */
  readonly status: number
  /** For the `retry-after` header; null: none. */
  readonly retryAfterSeconds: number | null
}

const sentences: Readonly<Record<StrangerCode, string>> = {
  no_token: 'A token is needed: send `authorization: Bearer zh_...`.',
  wrong_token: 'The token is not one of this control API: it was replaced long ago, or it belongs elsewhere.',
  expired_token: 'The token has expired: ask an admin for another one.',
  used_token: 'The token was good for one certificate, and that was issued: give the process another token, or one that can be used again.',
  revoked_token: 'The token was revoked or rotated: ask an admin for another one.',
  wrong_certificate: 'The client certificate is none that this control API has issued to a service; send a token, or another certificate.',
  expired_certificate: 'The client certificate has expired: send a token, or renew it in time.',
  too_many_attempts: 'Too many requests without a valid token came from this address: wait before you try again.',
}

/** A stranger of one kind. @param detail of this case, in words that follow the sentence */
export function strangerOf(code: StrangerCode, detail = ''): Stranger {
  const isTooMany = code === 'too_many_attempts'
  const message = detail === '' ? sentences[code] : `${sentences[code].slice(0, -1)} (${detail}).`
  return { code, message, status: isTooMany ? 429 : 401, retryAfterSeconds: isTooMany ? 10 : null }
}
