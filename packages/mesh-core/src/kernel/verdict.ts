/** The words for what became of an attempt; powers of two, so that a set of them is a bit mask. */

/** Answered as asked. */
export const OK = 1
/** The caller's fault (4xx, INVALID_ARGUMENT, …): sending it again would not help. */
export const REJECTED = 2
/** Told to slow down (429, RESOURCE_EXHAUSTED). */
export const THROTTLED = 4
/** Told to go elsewhere (503, UNAVAILABLE). */
export const UNAVAILABLE = 8
/** The server's fault (any other 5xx, INTERNAL, …). */
export const FAULT = 16
/** The mesh on this side said no to the whole call: open breaker, full queue, spent rate, no endpoint. */
export const REFUSED = 32
/** The attempt timed out; the call may have time left. */
export const LATE = 64
/** The whole call ran out of time. */
export const EXPIRED = 128
/** The handler did not start, and that is certain: always safe to send again. */
export const UNREACHED = 256
/** Sent, then the connection was lost: nobody knows whether the handler ran. */
export const BROKEN = 512
/** The caller left; counts for nobody. */
export const CANCELLED = 1024

/** One of the eleven verdicts. */
export type Verdict =
  | typeof OK
  | typeof REJECTED
  | typeof THROTTLED
  | typeof UNAVAILABLE
  | typeof FAULT
  | typeof REFUSED
  | typeof LATE
  | typeof EXPIRED
  | typeof UNREACHED
  | typeof BROKEN
  | typeof CANCELLED

/** The name of a verdict, as policies and metrics write it. */
export type VerdictName =
  | 'ok'
  | 'rejected'
  | 'throttled'
  | 'unavailable'
  | 'fault'
  | 'refused'
  | 'late'
  | 'expired'
  | 'unreached'
  | 'broken'
  | 'cancelled'

/** Every verdict by its name, in the order of their bits. */
export const verdicts: Readonly<Record<VerdictName, Verdict>> = {
  ok: OK,
  rejected: REJECTED,
  throttled: THROTTLED,
  unavailable: UNAVAILABLE,
  fault: FAULT,
  refused: REFUSED,
  late: LATE,
  expired: EXPIRED,
  unreached: UNREACHED,
  broken: BROKEN,
  cancelled: CANCELLED,
}

/** The names alone; `verdictNames[verdictIndex(v)]` is the name of `v`. */
export const verdictNames: readonly VerdictName[] = Object.keys(verdicts) as VerdictName[]

/** Position of a verdict in {@link verdictNames}: what typed arrays of counters are indexed by. */
export function verdictIndex(verdict: Verdict): number {
  return 31 - Math.clz32(verdict)
}

/** The name of one verdict. */
export function verdictName(verdict: Verdict): VerdictName {
  return verdictNames[verdictIndex(verdict)] as VerdictName
}

/** The set of some verdicts, as a bit mask. */
export function verdictMask(names: Iterable<VerdictName>): number {
  let mask = 0
  for (const name of names) mask |= verdicts[name]
  return mask
}
