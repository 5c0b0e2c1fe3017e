/** How a token is written: an id that names it, a secret that proves it, and where there is an authority the fingerprint of its root. */

/** A token, taken apart. */
export interface TokenText {
  /** 12 characters, no secret. */
  readonly id: string
  /** 43 characters. */
  readonly secret: string
}

// The fingerprint is for the holder, who knows by it which control API to trust before saying anything: here it decides nothing.
const form = /^zh_([A-Za-z0-9_-]{12})_([A-Za-z0-9_-]{43})(?:_[A-Za-z0-9_-]{43})?$/

/** Null where the text is no token. */
export function readToken(text: string): TokenText | null {
  const [, id, secret] = form.exec(text) ?? []
  return id === undefined || secret === undefined ? null : { id, secret }
}

/** @param fingerprint of the root, in base64url; null for none */
export function writeToken({ id, secret }: TokenText, fingerprint: string | null): string {
  return `zh_${id}_${secret}${fingerprint === null ? '' : `_${fingerprint}`}`
}
