/** One process that polls: what it said of itself, what it was told, and the poll of it that is parked. */
import type { Interest } from './interest.ts'
import type { Poll, PollReply } from './poll.ts'

/** What a client was told last and what it says to hold. Fields, not objects: there are ten thousand of these. */
export class PollingClient {
  readonly service: string
  readonly instance: string
  sdk = ''
  schema = 0
  interest: Interest | null = null
  /** The index of the version that it says to have applied; -1 where it has none of this epoch. */
  applied = -1
  refused: Poll['refused'] = null
  heardAt = 0
  /** The index and the interest of the document that it holds; -1 for none that is known. */
  heldAt = -1
  heldInterest: Interest | null = null
  /** Of the last answer, which it may or may not have got. */
  sentAt = -1
  sentInterest: Interest | null = null
  /** The parked poll: how it is answered, what the client knows of, and until when it waits. */
  reply: PollReply | null = null
  seen = -1
  waitsUntil = 0

  constructor(service: string, instance: string) {
    this.service = service
    this.instance = instance
  }

  /** From here on nothing is known of what it holds: its next answer is a whole document. */
  forgetAnswers(): void {
    this.heldAt = -1
    this.heldInterest = null
    this.sentAt = -1
    this.sentInterest = null
  }

  /** What it was told at an index; null where that was neither its last nor its confirmed answer. */
  toldAt(index: number): Interest | null {
    if (index < 0) return null
    if (index === this.sentAt) return this.sentInterest
    return index === this.heldAt ? this.heldInterest : null
  }
}
