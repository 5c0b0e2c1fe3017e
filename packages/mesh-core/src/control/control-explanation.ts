/** What `explain` says of a mesh's control API. */

/** The state of the connection to the control API, and of what came over it. */
export interface ControlExplanation {
  /** `idle` until something is asked, `starting` until the first answer, `connected`, or `lost`: then everything stays as it was. */
  readonly state: 'idle' | 'starting' | 'connected' | 'lost'
  /** The address that is asked now. */
  readonly address: string
  /** The name of this process there. */
  readonly instance: string
  /** Where policies and endpoints come from: the control API, the file of the last good document, or nowhere yet. */
  readonly source: 'live' | 'last-good' | 'none'
  /** The version of the document; '' for none. */
  readonly version: string
  /** The revision of its policies; 0 for none. */
  readonly revision: number
  /** Milliseconds since the control API, or the file, last confirmed it; -1 where there is none. */
  readonly ageMs: number
  /** The services that this process asks about. */
  readonly uses: readonly string[]
  /** Services whose endpoints are kept for a while though the control API does not list them any more. */
  readonly held: readonly string[]
  /** The servers of this process that hold a lease, or do not: by address. */
  readonly registered: Readonly<Record<string, boolean>>
  /** Why the last exchange failed, why policies were refused; empty where all is well. */
  readonly problems: readonly string[]
}
