/** The path of a request as rules read it, and what makes it one that two programs may read in two ways. */

const slash = 0x2f
const backslash = 0x5c
const dot = 0x2e
const percent = 0x25
const lastAscii = 0x7f

// What a segment of a path is made of so far: so many dots and nothing else, or something else as well.
const somethingElse = 3

/** One per compiled set of rules, used for one request after the other: none costs an object. */
export class RequestPath {
  /** As sent, with its query. */
  text = ''
  /** Where the path ends: at the query, or with the text. */
  end = 0
  // The path with its escapes read and in lower case; null while nobody has asked.
  #plain: string | null = null

  /** Takes the path of the next request; says what is ambiguous about it, '' for nothing. */
  read(text: string): string {
    const query = text.indexOf('?')
    this.text = text
    this.end = query < 0 ? text.length : query
    this.#plain = null
    return this.#ambiguity()
  }

  /** The path with its escapes read and in lower case: as a program may take it that is not strict about either. */
  get plain(): string {
    this.#plain ??= decodeURIComponent(this.text.slice(0, this.end)).toLowerCase()
    return this.#plain
  }

  get hasEscapes(): boolean {
    const at = this.text.indexOf('%')
    return at >= 0 && at < this.end
  }

  #ambiguity(): string {
    const { text, end } = this
    if (text.charCodeAt(0) !== slash) return 'does not begin with a slash'
    let segment = 0
    let needsDecoding = false
    for (let at = 1; at < end; at++) {
      let code = text.charCodeAt(at)
      if (code === percent) {
        code = escaped(text, at, end)
        if (code < 0) return 'has a percent sign that is no escape'
        if (code === slash) return 'has an escaped slash'
        if (code === backslash) return 'has an escaped backslash'
        if (code < 0x20 || code === lastAscii) return 'has an escaped control character'
        if (code === percent || code > lastAscii) needsDecoding = true
        at += 2
      } else if (code <= 0x20 || code >= lastAscii) return 'has a character that must be escaped'
      else if (code === backslash) return 'has a backslash'
      else if (code === 0x3b) return 'has a semicolon'
      else if (code === 0x23) return 'has a fragment'
      else if (code === slash) {
        if (segment === 0) return 'has two slashes in a row'
        if (segment < somethingElse) return 'has a dot segment'
        segment = 0
        continue
      }
      segment = code === dot && segment < somethingElse ? segment + 1 : somethingElse
    }
    if (segment > 0 && segment < somethingElse) return 'has a dot segment'
    return needsDecoding ? this.#decodedAmbiguity() : ''
  }

  #decodedAmbiguity(): string {
    try {
      // Read twice, as by a proxy and then by a program, these would become other characters.
      return /%[0-9a-f]{2}/.test(this.plain) ? 'has an escape within an escape' : ''
    } catch {
      return 'has escapes that are no UTF-8'
    }
  }
}

/** The byte that the escape at `at` stands for; -1 where there is none. */
function escaped(text: string, at: number, end: number): number {
  if (at + 2 >= end) return -1
  const high = hexDigit(text.charCodeAt(at + 1))
  const low = hexDigit(text.charCodeAt(at + 2))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
