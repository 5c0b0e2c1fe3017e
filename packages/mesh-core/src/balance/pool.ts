/** The endpoints that one pick chooses from, with their weights laid out for drawing: a snapshot, made anew when either changes. */
import type { Random } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'

// Envoy's min_weight_percent: so many calls a new endpoint needs to warm up at all.
const coldest = 0.1

// A stride of 16 bits, as gRPC's weighted round robin has.
const fullStride = 65_535

/** Endpoints to draw from. */
export class Pool {
  /** Endpoints with a weight above 0. */
  readonly endpoints: readonly Endpoint[]
  /** Where round robin stands; -1 before its first turn. */
  turn = -1
  /** True where so many are out that the evidence is not believed: more likely this side is at fault, and all are used. */
  panics = false
  /** The share of its endpoints that are in balance; 0 of an empty pool. */
  inShare = 0
  /** No endpoint is in slow start from this time on. */
  warmAt = Number.NEGATIVE_INFINITY
  readonly #slowStartMs: number
  // Null where all weights are equal.
  readonly #upTo: Float64Array | null
  readonly #strides: Uint16Array | null

  /** @param slowStartMs how long an endpoint that came anew gets less than its share; 0 for not at all */
  constructor(endpoints: readonly Endpoint[], slowStartMs = 0) {
    this.#slowStartMs = slowStartMs
    this.endpoints = endpoints.filter((endpoint) => endpoint.weight > 0)
    const first = this.endpoints[0]?.weight
    if (this.endpoints.every((endpoint) => endpoint.weight === first)) {
      this.#upTo = null
      this.#strides = null
      return
    }
    const size = this.endpoints.length
    this.#upTo = new Float64Array(size)
    this.#strides = new Uint16Array(size)
    const heaviest = this.endpoints.reduce((most, endpoint) => Math.max(most, endpoint.weight), 0)
    let sum = 0
    for (const [at, endpoint] of this.endpoints.entries()) {
      sum += endpoint.weight
      this.#upTo[at] = sum
      this.#strides[at] = Math.max(1, Math.round((endpoint.weight / heaviest) * fullStride))
    }
  }

  /** Counts who is out. @param panic the share of endpoints that must be believed good; 0: all may be ejected */
  count(panic: number): void {
    const size = this.endpoints.length
    let out = 0
    let judged = 0
    let ejected = 0
    let freshest = Number.NEGATIVE_INFINITY
    for (const endpoint of this.endpoints) {
      if (endpoint.out) out++
      if (endpoint.guard?.out === true) ejected++
      if (endpoint.guard?.out === true || !endpoint.healthy) judged++
      if (endpoint.freshSince > freshest) freshest = endpoint.freshSince
    }
    // That nobody listens is no judgement, and is believed of any number but all: then it is more likely this side that is cut off.
    // Nor does a policy that lets all be ejected let all be avoided or unhealthy.
    this.panics = (judged > 0 && size - judged < panic * size) || (out > 0 && out === size && ejected < size)
    this.inShare = size === 0 ? 0 : (size - out) / size
    this.warmAt = this.#slowStartMs === 0 ? Number.NEGATIVE_INFINITY : freshest + this.#slowStartMs
  }

  /** The part of its weight that an endpoint has at `now`: 1 but for slow start. */
  warmth(endpoint: Endpoint, now: number): number {
    if (now >= this.warmAt) return 1
    return Math.min(1, Math.max(coldest, (now - endpoint.freshSince) / this.#slowStartMs))
  }

  /** A position drawn at random by weight. The pool must not be empty. */
  draw(random: Random): number {
    const size = this.endpoints.length
    const upTo = this.#upTo
    if (upTo === null) return Math.floor(random() * size)
    const drawn = random() * (upTo[size - 1] as number)
    let low = 0
    let high = size - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (drawn < (upTo[middle] as number)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** The next position in turn; a heavier endpoint has its turn in more of the rounds. */
  next(random: Random): number {
    const size = this.endpoints.length
    // Each process begins elsewhere: otherwise all would begin with the same endpoint.
    if (this.turn < 0) this.turn = Math.floor(random() * size)
    const strides = this.#strides
    for (;;) {
      const turn = this.turn++
      const at = turn % size
      if (strides === null) return at
      const stride = strides[at] as number
      const round = Math.floor(turn / size)
      // In `fullStride` rounds it is skipped `fullStride - stride` times, evenly spread.
      if ((stride * round + Math.floor((at * fullStride) / size)) % fullStride >= fullStride - stride) return at
    }
  }
}
