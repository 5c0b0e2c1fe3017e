/** One rule of an access policy, compiled: whether it speaks of a call. */
import type { Call } from '../kernel/call.ts'
import type { Caller } from '../kernel/identity.ts'
import { type AccessRulePolicy, anyIdentity, type HeaderMatchPolicy } from '../policy/index.ts'
import type { RequestPath } from './request-path.ts'

/** Reads a header or metadata field of a call by its lower-case name; null where it has none. */
export type HeaderOf = (call: Call, name: string) => string | null

/**
 * How a rule reads what can be read in several ways. A rule that lets in takes only what was meant; one that refuses takes whatever a program
 * behind it might take for the same.
 */
export type Reading = 'exact' | 'wide'

/** Speaks of the calls that meet everything it names. */
export class Rule {
  readonly #from: Callers | null
  readonly #methods: readonly string[] | null
  readonly #paths: Paths | null
  readonly #headers: readonly Header[]

  constructor(policy: AccessRulePolicy, reading: Reading, headerOf: HeaderOf) {
    this.#from = policy.from === null ? null : new Callers(policy.from)
    this.#methods = reading === 'wide' ? withHead(policy.methods) : policy.methods
    this.#paths = policy.paths === null ? null : new Paths(policy.paths, reading)
    this.#headers = Object.entries(policy.headers).map(([name, match]) => new Header({ name, match, headerOf }, reading))
  }

  /** @param path read from the call, and not ambiguous, where a rule looks at paths */
  matches(call: Call, path: RequestPath): boolean {
    if (this.#from !== null && !this.#from.include(call.caller)) return false
    if (this.#methods !== null && !this.#methods.includes(call.method)) return false
    if (this.#paths !== null && !this.#paths.include(path)) return false
    const headers = this.#headers
    for (let at = 0; at < headers.length; at++) if (!(headers[at] as Header).matches(call)) return false
    return true
  }
}

class Callers {
  readonly #anybody: boolean
  // Names of services and SPIFFE IDs: no name has a colon.
  readonly #names: ReadonlySet<string>

  constructor(from: readonly string[]) {
    this.#anybody = from.includes(anyIdentity)
    this.#names = new Set(from)
  }

  include(caller: Caller | null): boolean {
    if (caller === null) return false
    return this.#anybody || this.#names.has(caller.service) || this.#names.has(caller.spiffeId)
  }
}

class Paths {
  readonly #whole: readonly string[]
  readonly #beginnings: readonly string[]
  readonly #isWide: boolean

  constructor(paths: readonly string[], reading: Reading) {
    this.#isWide = reading === 'wide'
    const read = this.#isWide ? paths.map((path) => path.toLowerCase()) : paths
    const whole = read.filter((path) => !path.endsWith('*'))
    this.#beginnings = read.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1))
    // Of `/debug/*` many programs take `/debug` for a part.
    const alsoWhole = this.#beginnings.filter((beginning) => beginning.endsWith('/'))
    this.#whole = this.#isWide ? [...whole, ...alsoWhole].map(withoutSlash) : whole
  }

  include(path: RequestPath): boolean {
    return this.#isWide ? this.#includeWidely(path) : this.#includeExactly(path)
  }

  #includeExactly({ text, end }: RequestPath): boolean {
    const whole = this.#whole
    for (let at = 0; at < whole.length; at++) {
      const path = whole[at] as string
      if (path.length === end && text.startsWith(path)) return true
    }
    const beginnings = this.#beginnings
    // No path of a rule has a query: what begins so, begins so before it.
    for (let at = 0; at < beginnings.length; at++) if (text.startsWith(beginnings[at] as string)) return true
    return false
  }

  #includeWidely(path: RequestPath): boolean {
    const text = path.hasEscapes ? path.plain : path.text
    const end = path.hasEscapes ? text.length : path.end
    const last = end > 1 && text.charCodeAt(end - 1) === slash ? end - 1 : end
    const whole = this.#whole
    for (let at = 0; at < whole.length; at++) {
      const one = whole[at] as string
      if (one.length === last && beginsWith(text, one)) return true
    }
    const beginnings = this.#beginnings
    for (let at = 0; at < beginnings.length; at++) {
      const beginning = beginnings[at] as string
      if (beginning.length <= end && beginsWith(text, beginning)) return true
    }
    return false
  }
}

const slash = 0x2f

// Many programs take a path with a slash at its end for the same as one without.
function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

// And most answer HEAD by what they have for GET: it does the same, and its head tells of what a GET would bring.
function withHead(methods: readonly string[] | null): readonly string[] | null {
  return methods?.includes('GET') ? [...methods, 'HEAD'] : methods
}

/** Whether `text` begins with `beginning`, which is in lower case, whatever the case of its own ASCII letters. */
function beginsWith(text: string, beginning: string): boolean {
  for (let at = 0; at < beginning.length; at++) {
    const code = text.charCodeAt(at)
    if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== beginning.charCodeAt(at)) return false
  }
  return true
}

class Header {
  readonly #name: string
  readonly #headerOf: HeaderOf
  readonly #meets: (value: string) => boolean
  readonly #wantsNone: boolean
  readonly #isWide: boolean

  constructor({ name, match, headerOf }: { name: string; match: HeaderMatchPolicy; headerOf: HeaderOf }, reading: Reading) {
    this.#name = name
    this.#headerOf = headerOf
    this.#meets = meeting(match)
    this.#wantsNone = 'present' in match && !match.present
    this.#isWide = reading === 'wide'
  }

  matches(call: Call): boolean {
    const value = this.#headerOf(call, this.#name)
    if (value === null || this.#wantsNone) return (value === null) === this.#wantsNone
    if (this.#meets(value)) return true
    // Sent several times, of which a program may see any one.
    return this.#isWide && value.includes(',') && value.split(',').some((one) => this.#meets(one.trim()))
  }
}

function meeting(match: HeaderMatchPolicy): (value: string) => boolean {
  if ('exact' in match) return (value) => value === match.exact
  if ('prefix' in match) return (value) => value.startsWith(match.prefix)
  return () => true
}
