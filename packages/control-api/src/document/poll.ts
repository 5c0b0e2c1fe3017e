/** One poll: what the client asked for, and how it is answered. */
import type { PieceOfAnswer } from './document.ts'

/** How one poll is answered; exactly one of the two is called, once. */
export interface PollReply {
  /** Something changed: the document's pieces in order. */
  document(pieces: readonly PieceOfAnswer[]): void
  /** Nothing changed: what the client holds is the document of `version`; null where nothing is known of what it holds. */
  nothing(version: string | null): void
}

/** A poll whose parameters were checked. */
export interface Poll {
  readonly service: string
  readonly instance: string
  /** The version that the client holds; null for none. */
  readonly after: string | null
  /** The newest level of the schema that it reads. */
  readonly schema: number
  readonly uses: readonly string[]
  readonly waitMs: number
  /** The version of its package; '' where it does not say. */
  readonly sdk: string
  /** The version whose policies it refused, and why. */
  readonly refused: { readonly version: string; readonly reason: string } | null
}
