/** The services about which this process asks the control API, what it was told of each, and the calls that wait to hear it. */
import type { Clock } from '../kernel/clock.ts'

/** What is known of a name: nothing yet, that the control API has it, that it has not. */
export type Standing = 'asked' | 'known' | 'unknown'

interface Wanted {
  standing: Standing
  /** Since when `standing` is what it is. */
  since: number
  /** When a call last went to that name while it was not known. */
  askedAt: number
  /** When the control API last said what `standing` says. */
  answeredAt: number
  /** True once it was known: it may have calls of which nobody tells here. */
  wasKnown: boolean
  /** False for a name from the last good document that nobody in this process has called yet. */
  met: boolean
  /** True where the last poll carried it: then the control API tells of it by itself. */
  followed: boolean
  readonly waiting: Set<() => void>
}

// What is remembered of names that nobody knows; the bound holds against a program that calls whatever it is sent.
const mostNames = 10_000
const rememberedMs = 30_000
// Names that the control API does not know yet and is to tell of at once when it does: those that were called last.
const mostUnknownFollowed = 64
// What a control API takes in one poll; and a head of a request has 16 KiB with most proxies.
const mostUses = 1000
const mostUsesBytes = 12_000
// A service that is gone comes back within that time, or is asked for anew by its next call.
const goneForMs = 300_000
// Services of the last good document that nobody calls after a restart leave the document.
const restoredForMs = 3_600_000

/** One per mesh. */
export class WantedServices {
  /** Called when a name was added that the poll under way does not carry. */
  changed: () => void = () => {}
  readonly #clock: Clock
  // In the order in which they were last asked for.
  readonly #names = new Map<string, Wanted>()
  /** How many names `uses` had no room for. */
  leftOut = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Names that a process before this one used. */
  restore(services: Iterable<string>): void {
    const now = this.#clock.now()
    for (const name of services) {
      this.#names.set(name, {
        standing: 'known',
        since: now,
        askedAt: now,
        answeredAt: now,
        wasKnown: true,
        met: false,
        followed: false,
        waiting: new Set(),
      })
    }
  }

  /** A call goes to that name, which is not in the table of services: it is asked for unless what was said is fresh. */
  want(name: string): Standing {
    const now = this.#clock.now()
    const known = this.#names.get(name)
    if (known === undefined) {
      this.#names.set(name, {
        standing: 'asked',
        since: now,
        askedAt: now,
        answeredAt: -1,
        wasKnown: false,
        met: true,
        followed: false,
        waiting: new Set(),
      })
      this.#forgetOldest()
      this.changed()
      return 'asked'
    }
    const freshFrom = known.followed ? Math.max(known.answeredAt, known.askedAt) : known.answeredAt
    const isStale = known.standing === 'unknown' && now - freshFrom > rememberedMs
    known.met = true
    known.askedAt = now
    if (known.standing !== 'known') {
      this.#names.delete(name)
      this.#names.set(name, known)
    }
    if (isStale) {
      known.standing = 'asked'
      known.since = now
      this.changed()
    }
    return known.standing
  }

  /** What is known of a name; undefined where it was never asked for. */
  standing(name: string): Standing | undefined {
    return this.#names.get(name)?.standing
  }

  /** True where that name was first asked for less than `withinMs` ago, and nothing has been said of it yet. */
  isPending(name: string, withinMs: number): boolean {
    const wanted = this.#names.get(name)
    return wanted?.standing === 'asked' && this.#clock.now() - wanted.since < withinMs
  }

  /** Calls `told` once when the control API has said whether it knows the name; returns how to stop waiting. */
  whenTold(name: string, told: () => void): () => void {
    const waiting = this.#names.get(name)?.waiting
    waiting?.add(told)
    return () => waiting?.delete(told)
  }

  /** The names that the next poll carries: all that are known, those just asked for, and the last few that nobody knows. */
  uses(): readonly string[] {
    const now = this.#clock.now()
    const ordered = [...this.#names].reverse()
    let unknown = 0
    const live = ordered.filter(([, wanted]) => {
      if (wanted.standing === 'known') return wanted.met || now - wanted.askedAt < restoredForMs
      const quietForMs = now - Math.max(wanted.askedAt, wanted.wasKnown ? wanted.answeredAt : 0)
      if (quietForMs > (wanted.wasKnown ? goneForMs : rememberedMs)) return false
      return wanted.standing === 'asked' || wanted.wasKnown || ++unknown <= mostUnknownFollowed
    })
    // Stable: what is known stays when there is no room for more.
    live.sort(([, a], [, b]) => Number(b.wasKnown) - Number(a.wasKnown))
    let bytes = 0
    const carried = live.slice(0, mostUses).filter(([name]) => {
      bytes += name.length + 1
      return bytes <= mostUsesBytes
    })
    this.leftOut = live.length - carried.length
    return carried.map(([name]) => name).sort()
  }

  /** A poll goes out that carries `uses`. */
  follow(uses: readonly string[]): void {
    for (const wanted of this.#names.values()) wanted.followed = false
    for (const name of uses) (this.#names.get(name) as Wanted).followed = true
  }

  /** The control API has answered a poll that carried `uses`: what it has of them, and what it has not. */
  answered(uses: Iterable<string>, has: (service: string) => boolean): void {
    const now = this.#clock.now()
    for (const name of uses) {
      const wanted = this.#names.get(name)
      if (wanted === undefined) continue
      const isKnown = has(name)
      if (isKnown || wanted.standing !== 'unknown' || !wanted.wasKnown) wanted.answeredAt = now
      wanted.standing = isKnown ? 'known' : 'unknown'
      wanted.wasKnown ||= isKnown
      release(wanted)
    }
  }

  /** There is no contact: nobody waits any longer. */
  giveUp(): void {
    for (const wanted of this.#names.values()) release(wanted)
  }

  #forgetOldest(): void {
    if (this.#names.size <= mostNames) return
    for (const [name, wanted] of this.#names) {
      if (wanted.wasKnown) continue
      release(wanted)
      this.#names.delete(name)
      return
    }
  }
}

function release(wanted: Wanted): void {
  if (wanted.waiting.size === 0) return
  for (const told of [...wanted.waiting]) told()
  wanted.waiting.clear()
}
