/** The messages that a call sends, kept until they are too long to keep, so that an attempt that failed can be sent again. */
import type { Call } from '@zerohop/mesh-core/transport'
import type { ReplayRoom } from './replay-room.ts'

/** What is kept of one call for further attempts, in bytes: gRFC A6's `per_rpc_buffer_limit`, as the other implementations have it. */
export const mostKeptBytes = 1024 * 1024
// What an entry costs besides its message: an endless stream of empty messages must not be endless in memory.
const entryBytes = 64

/** A message on its way up, as grpc-js' clients hand it over. */
interface Entry {
  readonly message: Buffer
  readonly flags: number | undefined
  /** Tells the program that the wire took it; null once it has been told. */
  written: (() => void) | null
}

/** An attempt that writes messages to a wire. */
export interface MessageSink {
  /** One message; the next follows when `written` was called, which must not happen before this returns. */
  writeMessage(message: Buffer, flags: number | undefined, written: () => void): void
  /** No more will follow. */
  endMessages(): void
}

/** Shares the messages of a call among its attempts, one at a time. Those that the wire took are held until the call is committed. */
export class BufferedCall {
  readonly #room: ReplayRoom
  readonly #entries: Entry[] = []
  #ended = false
  /** The first entry that the attempt under way has not been given. */
  #next = 0
  /** Bytes that wires took and that are held all the same. */
  #heldBytes = 0
  #committed = false
  #call: Call | null = null
  #sink: MessageSink | null = null
  #isWriting = false
  #isClosed = false

  /** @param room what the call shares with the others to its service */
  constructor(room: ReplayRoom) {
    this.#room = room
  }

  /** True where the program has said everything, as in a call with a single message it has when the call begins. */
  get ended(): boolean {
    return this.#ended
  }

  /** The next message of the program. */
  push(message: Buffer, flags: number | undefined, written: (() => void) | null): void {
    if (this.#isClosed) {
      if (written !== null) process.nextTick(written)
      return
    }
    this.#entries.push({ message, flags, written })
    this.#pump()
  }

  /** The program sends no more. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    // A message on its way carries the end behind it.
    if (this.#sink !== null && this.#next === this.#entries.length) this.#sink.endMessages()
  }

  /** `sink` gets all messages from the first one on; whoever was given them before gets no more. */
  open(call: Call, sink: MessageSink): void {
    this.#call = call
    this.#sink = sink
    this.#next = 0
    this.#giveBack()
    this.#isWriting = false
    this.#pump()
  }

  /** The attempt of `sink` is over. */
  stop(sink: MessageSink): void {
    if (this.#sink === sink) this.#sink = null
  }

  /** There will be no further attempt: what the wire took need not be held. */
  commit(): void {
    this.#committed = true
    this.#release()
  }

  /** The call is over: nothing is sent or held any more, and whoever waits to write is let go. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#sink = null
    this.#giveBack()
    for (const entry of this.#entries) {
      if (entry.written !== null) process.nextTick(entry.written)
      // The wire may still say that it took a message that is under way.
      entry.written = null
    }
    this.#entries.length = 0
  }

  #pump(): void {
    const sink = this.#sink
    if (sink === null || this.#isWriting) return
    const entry = this.#entries[this.#next]
    if (entry === undefined) {
      if (this.#ended) sink.endMessages()
      return
    }
    this.#next++
    this.#isWriting = true
    sink.writeMessage(entry.message, entry.flags, () => this.#took(entry, sink))
    // At once, and not when the message has been taken: the request of a unary call leaves as one.
    if (this.#ended && this.#next === this.#entries.length && this.#sink === sink) sink.endMessages()
  }

  #took(entry: Entry, sink: MessageSink): void {
    const { written } = entry
    entry.written = null
    if (this.#sink === sink) {
      this.#isWriting = false
      const bytes = entry.message.length + entryBytes
      this.#heldBytes += bytes
      this.#room.keptBytes += bytes
      if (!this.#committed && (this.#heldBytes > mostKeptBytes || this.#room.isFull)) {
        this.#committed = true
        if (this.#call !== null) this.#call.replayable = false
      }
      this.#release()
    }
    written?.()
    if (this.#sink === sink && this.#next < this.#entries.length) this.#pump()
  }

  // Messages before the one under way were taken by the wire.
  #release(): void {
    if (!this.#committed || this.#sink === null) return
    const taken = this.#isWriting ? this.#next - 1 : this.#next
    if (taken === this.#entries.length) this.#entries.length = 0
    else this.#entries.splice(0, taken)
    this.#next -= taken
    this.#giveBack()
  }

  #giveBack(): void {
    this.#room.keptBytes -= this.#heldBytes
    this.#heldBytes = 0
  }
}
