/** One piece of an answer, written once and sent to many: its bytes, and its bytes deflated. */
import { constants, deflateRawSync } from 'node:zlib'
import { unpooled } from './unpooled.ts'

// Below this a deflated piece saves less than a packet.
const worthDeflating = 1024
// A list of this size takes milliseconds to deflate: only when a second client asks for the very same is it worth that.
const worthWaitingForASecond = 65_536

/** Shared by reference: whoever reads slowly holds no copy. */
export class Part {
  readonly bytes: Buffer
  #deflated: Buffer | null = null
  #asked = 0

  constructor(text: string) {
    this.bytes = unpooled([Buffer.from(text)])
  }

  /** True where deflating pays. */
  get isLarge(): boolean {
    return this.bytes.length >= worthDeflating
  }

  /** Deflate blocks, ended at a byte's end and none of them the last, so that pieces can be joined; null where the bytes go as they are. */
  deflated(): Buffer | null {
    this.#asked += 1
    if (!this.isLarge || (this.bytes.length >= worthWaitingForASecond && this.#asked === 1)) return null
    // Level 1: half the time of the default for a tenth more bytes, measured with lists of endpoints.
    this.#deflated ??= unpooled([deflateRawSync(this.bytes, { level: 1, finishFlush: constants.Z_FULL_FLUSH })])
    return this.#deflated
  }
}
