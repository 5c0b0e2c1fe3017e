/** All that the control API keeps, in one place and of one life. */
import type { AuditStore } from './audit-store.ts'
import type { AuthorityStore } from './authority-store.ts'
import type { LeaseStore } from './lease-store.ts'
import type { MarkStore } from './mark-store.ts'
import type { PolicyStore } from './policy-store.ts'
import type { TokenStore } from './token-store.ts'

/** The stores of one data directory, or of one test. */
export interface Stores {
  readonly policies: PolicyStore
  readonly leases: LeaseStore
  readonly tokens: TokenStore
  readonly audit: AuditStore
  readonly marks: MarkStore
  readonly authority: AuthorityStore
  /** Runs `write`, whose writes to any of the stores become durable together or not at all. */
  atomically<T>(write: () => T): T
  close(): void
}
