/** What an answer over gRPC means. */
import { type Metadata, status as Status } from '@grpc/grpc-js'
import {
  BROKEN,
  type CodesPolicy,
  REJECTED,
  refusedHeader,
  THROTTLED,
  UNREACHED,
  type Verdict,
  verdicts,
} from '@zerohop/mesh-core/transport'
import { statusOfHttp, statusVerdict } from '../status-verdict.ts'
import type { StreamEnd } from './inner-channel.ts'

/** Metadata by which a server says when the next attempt may come, in ms; anything but a number from 0 on: none at all (gRFC A6). */
const pushbackKey = 'grpc-retry-pushback-ms'

/** The codes with which a peer's mesh refuses above its handler. The caller may go elsewhere with a full queue, not with a wrong request. */
const refusing: ReadonlySet<number> = new Set([Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED, Status.DEADLINE_EXCEEDED])

/** The verdict of every status, with those that a policy changed. */
export class StatusVerdicts {
  readonly #changed: ReadonlyMap<number, Verdict>

  constructor(codes: CodesPolicy) {
    const changed = new Map<number, Verdict>()
    const names = Object.keys(codes)
    // A status of HTTP stands for the code that it is over gRPC; what is said of the code itself counts more.
    for (const name of names) if (isHttp(name)) changed.set(statusOfHttp(Number(name)), verdictOf(codes, name))
    for (const name of names) if (!isHttp(name)) changed.set(Status[name as keyof typeof Status], verdictOf(codes, name))
    this.#changed = changed
  }

  /** What a status of the server means. */
  of(code: number, metadata: Metadata): Verdict {
    if (refusing.has(code) && metadata.get(refusedHeader).length > 0) return UNREACHED
    return this.#changed.get(code) ?? statusVerdict(code)
  }
}

/** How long a server asks to be left alone, in ms; -1 where it does not say, Infinity where it wants no further attempt. */
export function pushbackMs(metadata: Metadata): number {
  const value = metadata.get(pushbackKey)[0]
  if (value === undefined) return -1
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY
}

/** What is made of the end of an attempt. */
export interface EndMeaning {
  readonly verdict: Verdict
  /** True where the program gets the status as it is; false where there was no answer, and the mesh says so in its own words. */
  readonly isReply: boolean
}

const notReached: EndMeaning = { verdict: UNREACHED, isReply: false }
const lostOnTheWay: EndMeaning = { verdict: BROKEN, isReply: false }

/** Judges the end of an attempt by its status and by what is known of its stream. */
export function meaningOfEnd(end: StreamEnd, status: { code: number; metadata: Metadata }, verdictsOf: StatusVerdicts): EndMeaning {
  if (end === 'refused') return notReached
  if (end === 'lost') return lostOnTheWay
  // ENHANCE_YOUR_CALM is the one way to cut a stream off that says what it wants.
  if (end === 'cut') return { verdict: status.code === Status.RESOURCE_EXHAUSTED ? THROTTLED : BROKEN, isReply: true }
  // Another attempt would end in the same way.
  if (end === 'own') return { verdict: REJECTED, isReply: true }
  return { verdict: verdictsOf.of(status.code, status.metadata), isReply: true }
}

function isHttp(name: string): boolean {
  return /^\d/.test(name)
}

function verdictOf(codes: CodesPolicy, name: string): Verdict {
  return verdicts[codes[name] as keyof typeof verdicts]
}
