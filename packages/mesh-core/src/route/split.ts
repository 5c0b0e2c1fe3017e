/** Shares calls out among versions by weight. */
import type { Random } from '../kernel/clock.ts'

/** One version and its share relative to the others. */
export interface SplitTarget {
  readonly version: string
  readonly weight: number
}

/** Draws a version for each call, so that shares hold over many calls whatever the callers do. */
export class Split {
  readonly #versions: readonly string[]
  readonly #upTo: Float64Array
  readonly #random: Random

  constructor(targets: readonly SplitTarget[], random: Random) {
    const weighted = targets.filter((target) => target.weight > 0)
    this.#versions = weighted.map((target) => target.version)
    this.#upTo = new Float64Array(weighted.length)
    let sum = 0
    for (const [at, target] of weighted.entries()) {
      sum += target.weight
      this.#upTo[at] = sum
    }
    this.#random = random
  }

  /** The version for one call. */
  draw(): string {
    const versions = this.#versions
    const last = versions.length - 1
    if (last === 0) return versions[0] as string
    const drawn = this.#random() * (this.#upTo[last] as number)
    let at = 0
    while (at < last && drawn >= (this.#upTo[at] as number)) at++
    return versions[at] as string
  }
}
