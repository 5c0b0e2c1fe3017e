/** Where policies are kept: numbered revisions, each a whole write, none ever lost once it was acknowledged. */

/** One service's policy as it was last written; `defaults` is a service here. */
export interface StoredPolicy {
  readonly service: string
  /** The document as JSON, as it was written (durations and all). */
  readonly document: Readonly<Record<string, unknown>>
  /** The revision that wrote it: its ETag. */
  readonly revision: number
}

/** One change of a write. */
export interface PolicyChange {
  readonly service: string
  /** Null deletes. */
  readonly document: Readonly<Record<string, unknown>> | null
  /** The revision that the writer saw: the write fails where the stored one is another. 0: there must be none. Undefined: whatever is there. */
  readonly expected?: number
}

/** Who wrote, and with what right. */
export interface WriteNote {
  /** The name of the token's owner. */
  readonly by: string
  /** `put`, `delete`, `rollback`. */
  readonly action: string
  /** True where a check was overridden. */
  readonly forced: boolean
}

/** One revision of the history. */
export interface Revision extends WriteNote {
  readonly revision: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly services: readonly string[]
}

/** A write was based on a revision that is no longer the newest of its service. */
export class StaleRevision extends Error {
  override readonly name = 'StaleRevision'
  readonly service: string
  readonly expected: number
  readonly found: number

  constructor(service: string, expected: number, found: number) {
    super(`${service}: the write is based on revision ${expected}, and the newest is ${found}`)
    this.service = service
    this.expected = expected
    this.found = found
  }
}

/** Keeps policies. All reads are from memory; a write has returned only when it is durable. */
export interface PolicyStore {
  /** Names this life of the store: another one after its data was lost or replaced. Lower-case letters and digits. */
  readonly epoch: string
  /** The newest revision; 0 while nothing has been written. */
  readonly revision: number
  get(service: string): StoredPolicy | null
  all(): Iterable<StoredPolicy>
  /**
   * Writes all changes as one revision, or none of them.
   * @throws StaleRevision where `expected` does not hold
   */
  write(changes: readonly PolicyChange[], note: WriteNote): number
  /** The newest revisions first. */
  history(options: { service?: string; before?: number; limit: number }): readonly Revision[]
  /** All policies as they were at a revision. @throws RangeError where there was no such revision */
  at(revision: number): readonly StoredPolicy[]
  /** Calls `listener` after each write with the services that it touched; returns how to stop. */
  subscribe(listener: (services: readonly string[]) => void): () => void
  close(): void
}
