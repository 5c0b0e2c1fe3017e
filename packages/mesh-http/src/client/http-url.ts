/** Where a request goes, read from its URL: by one regular expression where the URL is plain, by the platform's parser otherwise. */

/** An absolute http or https URL in the parts that a request is made of. */
export interface Target {
  readonly secure: boolean
  /** Lower-case host name without port, and without the dot at its end by which a whole name can be written: the name by which the mesh knows a service. */
  readonly host: string
  /** Host and port as the `host` header carries them. */
  readonly authority: string
  /** Path and query. */
  readonly path: string
  /** The serialized URL without its fragment. */
  readonly href: string
  /** The fragment with its '#', which a redirect inherits; '' for none. */
  readonly fragment: string
}

// Only what the URL standard leaves exactly as it is may match. The last label begins with a letter, or the host could be an IPv4 address
// in one of its many spellings; `xn--` labels are checked by the parser; dot segments, also written %2e, are resolved by it; quotes and
// brackets are escaped.
const plain =
  /^http:\/\/(?![^/]*xn--)((?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*)(?::([1-9]\d{0,3}))?((?:\/(?!\.|%2[eE])[\w!$&()*+,;=:@%~.-]*)+(?:\?[\w!$&()*+,;=:@%~./?-]*)?)$/

/** Reads an absolute URL; null where it is none, has another scheme than http and https, or carries credentials. */
export function readTarget(url: string): Target | null {
  const match = plain.exec(url)
  if (match === null || match[2] === '80') return readAnyTarget(url)
  const host = match[1] as string
  const port = match[2]
  return {
    secure: false,
    host,
    authority: port === undefined ? host : `${host}:${port}`,
    path: match[3] as string,
    href: url,
    fragment: '',
  }
}

/** The same for a URL that the platform has to parse. */
function readAnyTarget(text: string): Target | null {
  const url = URL.parse(text)
  return url === null ? null : targetOf(url)
}

/** Reads a parsed URL; null under the conditions of {@link readTarget}. */
export function targetOf(url: URL): Target | null {
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.password !== '') return null
  const href = url.href
  const fragmentAt = href.indexOf('#')
  const bare = fragmentAt === -1 ? href : href.slice(0, fragmentAt)
  return {
    secure: url.protocol === 'https:',
    // Whoever writes `payment.` means `payment`: passed through, it would go to the same host, and past the mesh.
    host: url.hostname.replace(/(?<=.)\.$/, ''),
    authority: url.host,
    // Cut from the serialization: a '?' without a query behind it is part of the request, but not of `search`.
    path: bare.slice(bare.indexOf('/', url.protocol.length + 2)),
    href: bare,
    fragment: url.hash,
  }
}
