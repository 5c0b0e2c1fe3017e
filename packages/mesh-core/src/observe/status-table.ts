/** Numbers for status texts, few of them: a server that invents statuses must not grow the metrics. */

// 64: more than HTTP and gRPC use between them in any one program.
const maxReplyStatuses = 64
const otherStatus = 'other'

/** One per mesh: a status has the same number in every cell. */
export class StatusTable {
  /** Texts by their number. */
  readonly texts: string[] = []
  readonly #numbers = new Map<string, number>()
  #replyStatuses = 0

  /** The number of a reply's status; beyond the 64th different one they all share the text `other`. */
  ofReply(status: string): number {
    const known = this.#numbers.get(status)
    if (known !== undefined) return known
    if (this.#replyStatuses >= maxReplyStatuses) return this.ofCode(otherStatus)
    this.#replyStatuses++
    return this.#add(status)
  }

  /** The number of one of the mesh's own codes; they are a closed set and always find room. */
  ofCode(code: string): number {
    return this.#numbers.get(code) ?? this.#add(code)
  }

  #add(text: string): number {
    const number = this.texts.push(text) - 1
    this.#numbers.set(text, number)
    return number
  }
}
