/** Alarms by the ten thousand over one timer: setting and clearing one is a list insertion, not a timer of the runtime. */
import type { Clock, Timer } from './clock.ts'

/** What an alarm calls; an object rather than a function, so that setting an alarm allocates no closure. */
export interface AlarmOwner {
  /** The alarm's time has come. It is already cleared. */
  alarm(): void
}

/** One settable alarm, linked into the bucket of the moment at which it is due. It rings its owner; a subclass without one rings itself. */
export class Alarm {
  readonly owner: AlarmOwner | null
  bucket: Bucket | null = null
  previous: Alarm | null = null
  next: Alarm | null = null

  constructor(owner: AlarmOwner | null) {
    this.owner = owner
  }

  /** The time has come. */
  ring(): void {
    this.owner?.alarm()
  }

  /** Takes the alarm out of its wheel; harmless when it is not set. */
  clear(): void {
    const bucket = this.bucket
    if (bucket === null) return
    if (this.previous === null) bucket.first = this.next
    else this.previous.next = this.next
    if (this.next !== null) this.next.previous = this.previous
    this.bucket = null
    this.previous = null
    this.next = null
    bucket.wheel.disarmed()
  }
}

class Bucket {
  readonly wheel: TimerWheel
  readonly dueAt: number
  first: Alarm | null = null

  constructor(wheel: TimerWheel, dueAt: number) {
    this.wheel = wheel
    this.dueAt = dueAt
  }
}

/**
 * A set of alarms over a clock. An alarm never rings early; it rings late by less than 1/256 of the time it was set for, or by less than
 * 1 ms where that is more (and by whatever the event loop is late), so that many alarms share a bucket and a bucket a wake-up.
 */
export class TimerWheel {
  /** Alarms set now: a test asks that it returns to zero. */
  armed = 0
  readonly #clock: Clock
  readonly #buckets = new Map<number, Bucket>()
  // A binary heap of the due times that have a bucket.
  readonly #dueTimes: number[] = []
  #driver: Timer | null = null
  #driverDueAt = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Sets `alarm` to ring at `at` (a time of the clock), whatever it was set to before.
   * @param now the time to which lateness relates; one that was read a little earlier will do
   */
  set(alarm: Alarm, at: number, now: number): void {
    alarm.clear()
    const dueAt = this.#roundUp(at, now)
    let bucket = this.#buckets.get(dueAt)
    if (bucket === undefined) {
      bucket = new Bucket(this, dueAt)
      this.#buckets.set(dueAt, bucket)
      pushHeap(this.#dueTimes, dueAt)
      if (dueAt < this.#driverDueAt) this.#drive(dueAt)
    }
    alarm.bucket = bucket
    alarm.next = bucket.first
    if (bucket.first !== null) bucket.first.previous = alarm
    bucket.first = alarm
    // Set alarms keep the process alive, as a socket would: a call that waits for nothing but time must come to its end, too.
    if (this.armed++ === 0) this.#driver?.keepAlive(true)
  }

  /** An alarm of this wheel was cleared. */
  disarmed(): void {
    if (--this.armed > 0) return
    if (this.#stopped) this.stop()
    else this.#driver?.keepAlive(false)
  }

  /**
   * Takes the timer back as soon as nobody waits for it. Alarms that are set ring even then: a call that outlives its mesh must end, too.
   */
  stop(): void {
    this.#stopped = true
    this.#driver?.cancel()
    this.#driver = null
    this.#driveNext()
  }

  #roundUp(at: number, now: number): number {
    if (this.#clock.exact) return at
    const aheadMs = at - now
    // The largest power of two that is at most 1/256 of the time ahead.
    const stepMs = aheadMs < 512 ? 1 : 1 << (31 - Math.clz32(Math.min(aheadMs, 2 ** 30) / 256))
    return Math.ceil(at / stepMs) * stepMs
  }

  #drive(dueAt: number): void {
    this.#driver?.cancel()
    this.#driverDueAt = dueAt
    this.#driver = this.#clock.setTimer(Math.max(0, dueAt - this.#clock.now()), this.#ring)
    if (this.armed > 0) this.#driver.keepAlive(true)
  }

  // Past the buckets that are empty by now: most calls end long before their alarms are due, and an idle mesh must not wake for them.
  #driveNext(): void {
    this.#driverDueAt = Number.POSITIVE_INFINITY
    for (let next = this.#dueTimes[0]; next !== undefined; next = this.#dueTimes[0]) {
      if ((this.#buckets.get(next) as Bucket).first !== null) return this.#drive(next)
      this.#buckets.delete(popHeap(this.#dueTimes))
    }
  }

  readonly #ring = (): void => {
    this.#driver = null
    // Nobody else drives while alarms ring: one that sets itself anew, far off, would hide those that are due before it.
    this.#driverDueAt = Number.NEGATIVE_INFINITY
    const now = this.#clock.now()
    while (this.#dueTimes.length > 0 && (this.#dueTimes[0] as number) <= now) {
      const dueAt = popHeap(this.#dueTimes)
      const bucket = this.#buckets.get(dueAt) as Bucket
      // Out of the map before the alarms ring: one that sets itself anew gets a new bucket, not this one.
      this.#buckets.delete(dueAt)
      for (let alarm = bucket.first; alarm !== null; alarm = bucket.first) {
        alarm.clear()
        ringOne(alarm)
      }
    }
    // The runtime's timer may have rung a fraction of a millisecond early; then the same bucket is simply waited for again.
    this.#driveNext()
  }
}

// One that throws is reported, and silences no other.
function ringOne(alarm: Alarm): void {
  try {
    alarm.ring()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

function pushHeap(heap: number[], value: number): void {
  let at = heap.length
  heap.push(value)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if ((heap[parent] as number) <= value) break
    heap[at] = heap[parent] as number
    at = parent
  }
  heap[at] = value
}

function popHeap(heap: number[]): number {
  const top = heap[0] as number
  const last = heap.pop() as number
  const size = heap.length
  if (size === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    if (child + 1 < size && (heap[child + 1] as number) < (heap[child] as number)) child++
    if ((heap[child] as number) >= last) break
    heap[at] = heap[child] as number
    at = child
  }
  heap[at] = last
  return top
}
