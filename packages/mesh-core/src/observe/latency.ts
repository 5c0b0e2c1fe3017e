/** A latency histogram with fixed buckets, cheap enough for every call. */

/**
 * Upper bounds in milliseconds, 0.5 ms to 60 s. Close together where services usually answer (the error of a percentile is the width of its
 * bucket), and on the round numbers that timeouts and objectives are set to.
 */
export const bucketBoundsMs: readonly number[] = [
  0.5, 1, 2, 3, 5, 7.5, 10, 15, 25, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
]

const beyond = bucketBoundsMs.length
const bounds = Float64Array.from(bucketBoundsMs)

// For each power of two of half milliseconds the first bucket that can hold it: from there it is two steps at most to the right one.
const firstOf = Uint8Array.from({ length: 18 }, (_, bits) => {
  const least = bits === 0 ? 0 : 2 ** (bits - 1) / 2
  return bucketBoundsMs.findIndex((bound) => least <= bound)
})

/** Which bucket holds a duration; the last one, beyond all bounds, is `bucketBoundsMs.length`. */
export function bucketOf(ms: number): number {
  // Written so that NaN and a negative time fall into the first bucket.
  if (!(ms > 0)) return 0
  if (ms > 60_000) return beyond
  let at = firstOf[32 - Math.clz32(ms * 2)] as number
  while (ms > (bounds[at] as number)) at++
  return at
}

/** Counts per bucket and the sum of what was counted. */
export class Latency {
  /** Per bucket, not cumulative; one more than there are bounds. */
  readonly counts = new Float64Array(bucketBoundsMs.length + 1)
  /** In milliseconds. */
  sumMs = 0

  /** Counts one duration. */
  add(ms: number): void {
    const at = bucketOf(ms)
    this.counts[at] = (this.counts[at] as number) + 1
    if (ms > 0) this.sumMs += ms
  }
}
