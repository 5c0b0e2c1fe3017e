/** Reads `grpc-timeout`: how long the caller still waits. */

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 }

// A day, the longest duration that a policy can name.
const longestMs = 86_400_000

/** Milliseconds that the caller has left, more than 0; 0 where it does not say, says it badly (grpc-js answers that), or has more than a day. */
export function readGrpcTimeout(value: string | string[] | undefined): number {
  if (typeof value !== 'string') return 0
  const match = /^(\d{1,8})([HMSmun])$/.exec(value)
  if (match === null) return 0
  const ms = Number(match[1]) * (unitMs[match[2] as string] as number)
  if (ms > longestMs) return 0
  // No time left is said by the smallest time there is, since 0 says nothing.
  return Math.max(ms, Number.MIN_VALUE)
}

/**
 * True where grpc-js would make a time that is over of a long one: it counts in 32 bits. What it reads is the first time in the value, whatever
 * stands around that.
 */
export function isBeyondGrpcJs(value: string | string[] | undefined): boolean {
  if (value === undefined) return false
  const match = /(\d{1,8})\s*([HMS])/.exec(String(value))
  return match !== null && Number(match[1]) * (unitMs[match[2] as string] as number) >= 2 ** 31
}
