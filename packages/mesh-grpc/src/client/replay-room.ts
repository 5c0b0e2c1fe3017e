/** What the calls to one service may keep together for further attempts. */

/** In bytes: gRFC A6's `retry_buffer_size`, as the other implementations have it. */
export const mostKeptTogetherBytes = 16 * 1024 * 1024

/** One per service, whatever the number of clients: a client made for every request must not have a room of its own. */
export class ReplayRoom {
  /** What wires took of calls that may be sent again. The calls write it. */
  keptBytes = 0

  /** True where a call that keeps more takes part in no further attempt. */
  get isFull(): boolean {
    return this.keptBytes > mostKeptTogetherBytes
  }
}
