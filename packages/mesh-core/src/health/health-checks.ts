/** The active checks of one service: asks each of its endpoints in turn how it is, and tells balance by `endpoint.healthy`. */
import { runUnder } from '../kernel/ambient.ts'
import type { Call } from '../kernel/call.ts'
import type { Clock, Random, Timer } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Send } from '../kernel/layer.ts'
import type { Outcome } from '../kernel/outcome.ts'
import { CANCELLED, LATE, OK, REFUSED, UNREACHED, verdictName } from '../kernel/verdict.ts'

/** How often endpoints are asked, and what follows from the answers. */
export interface CheckCriteria {
  /** Each endpoint is asked once in this time. */
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Checks in a row that must fail before an endpoint counts as unhealthy. */
  readonly unhealthyAfter: number
  /** Checks in a row that must pass before it counts as healthy again. */
  readonly healthyAfter: number
}

/** How a wire asks. */
export interface CheckWay {
  /** What is asked for, and the status of the reply of an endpoint that is well; null: nothing is asked, a connection is enough. */
  readonly asked: { readonly what: string; readonly well: string } | null
  /** A call that asks it. */
  call(): Call
  /** Carries it to `call.endpoint`; where nothing is asked, the outcome is `ok` once there is a connection. */
  readonly send: Send
}

export interface HealthChecksOptions {
  readonly clock: Clock
  /** Spreads the checks. */
  readonly random: Random
  readonly endpoints: () => readonly Endpoint[]
  /** A check passed, be it the first or the hundredth. `answered` is false where it only showed that connections are taken. */
  readonly passed: (endpoint: Endpoint, answered: boolean) => void
  /** An endpoint became unhealthy, or is healthy again. */
  readonly moved: (endpoint: Endpoint, reason: string) => void
}

interface CheckRecord {
  failed: number
  passed: number
  reason: string
  /** The check under way. */
  call: Call | null
}

/** One check that has ended. */
interface Seen {
  readonly record: CheckRecord
  readonly outcome: Outcome
  /** By what it was asked. */
  readonly criteria: CheckCriteria
  readonly asked: CheckWay['asked']
}

// A thousand endpoints that are silent cost a process so many sockets, not a thousand.
const mostAtOnce = 16
// Large fleets are asked in batches at this distance, so that there are no thousand timers in a second.
const leastStepMs = 10

/** Asks nobody before it has both criteria and a way. What is unknown counts as healthy. */
export class HealthChecks {
  readonly #options: HealthChecksOptions
  readonly #records = new Map<Endpoint, CheckRecord>()
  #criteria: CheckCriteria | null = null
  #way: CheckWay | null = null
  #timer: Timer | null = null
  #next = 0
  #underWay = 0

  constructor(options: HealthChecksOptions) {
    this.#options = options
  }

  /** Why an endpoint is unhealthy; '' where it is not. */
  reason(endpoint: Endpoint): string {
    return endpoint.healthy ? '' : (this.#records.get(endpoint)?.reason ?? '')
  }

  /** Takes new criteria; what was learned stays. With null all are healthy again, and checks under way end. */
  tune(criteria: CheckCriteria | null, way: CheckWay | null): void {
    const before = this.#criteria
    this.#criteria = criteria
    this.#way = way
    if (criteria === null || way === null) {
      this.#timer?.cancel()
      this.#timer = null
      for (const endpoint of [...this.#records.keys()]) {
        if (this.forget(endpoint)) this.#options.moved(endpoint, 'it is no longer checked')
      }
    } else if (this.#timer === null || before?.intervalMs !== criteria.intervalMs) this.#schedule(this.#options.random())
  }

  /** The endpoint left. Returns whether it was unhealthy. */
  forget(endpoint: Endpoint): boolean {
    const record = this.#records.get(endpoint)
    if (record === undefined) return false
    this.#records.delete(endpoint)
    record.call?.end(CANCELLED)
    const wasUnhealthy = !endpoint.healthy
    endpoint.healthy = true
    return wasUnhealthy
  }

  // The endpoints have their turns spread over the interval, each process in a rhythm of its own.
  #schedule(part: number): void {
    const stepMs = this.#stepMs()
    this.#timer?.cancel()
    // The policy may have come, or the service been met, within an inbound request: its deadline is none of the checks' business.
    runUnder(null, () => {
      this.#timer = this.#options.clock.setTimer(stepMs * part, this.#turn)
    })
  }

  #stepMs(): number {
    const { intervalMs } = this.#criteria as CheckCriteria
    return Math.max(leastStepMs, intervalMs / Math.max(1, this.#options.endpoints().length))
  }

  readonly #turn = (): void => {
    const endpoints = this.#options.endpoints()
    const { intervalMs } = this.#criteria as CheckCriteria
    // The small subtrahend: 3 * (1000 / 3) may be a little above 1000.
    const due = Math.ceil((endpoints.length * this.#stepMs()) / intervalMs - 1e-9)
    for (let begun = 0; begun < due && this.#underWay < mostAtOnce; begun++) {
      void this.#check(endpoints[this.#next++ % endpoints.length] as Endpoint)
    }
    this.#schedule(0.9 + 0.2 * this.#options.random())
  }

  async #check(endpoint: Endpoint): Promise<void> {
    const { clock } = this.#options
    const criteria = this.#criteria as CheckCriteria
    const { timeoutMs } = criteria
    const way = this.#way as CheckWay
    let record = this.#records.get(endpoint)
    if (record === undefined) {
      record = { failed: 0, passed: 0, reason: '', call: null }
      this.#records.set(endpoint, record)
    }
    // The one before is still under way: its timeout is longer than the interval.
    if (record.call !== null) return
    const call = way.call()
    const now = clock.now()
    call.endpoint = endpoint
    call.startedAt = now
    call.attemptAt = now
    call.attempt = 1
    call.deadlineAt = now + timeoutMs
    record.call = call
    this.#underWay++
    // Not an alarm of the wheel: those keep the process alive.
    const timer = clock.setTimer(timeoutMs, () => call.end(LATE))
    const outcome = await way.send(call)
    timer.cancel()
    outcome.reply?.discard()
    this.#underWay--
    record.call = null
    // By what it was asked: a policy may have come since that asks something else.
    if (this.#records.get(endpoint) === record) this.#judge(endpoint, { record, outcome, criteria, asked: way.asked })
  }

  #judge(endpoint: Endpoint, seen: Seen): void {
    const { record, outcome, criteria, asked } = seen
    const { clock, passed, moved } = this.#options
    if (saysNothing(outcome)) return
    if (isWell(outcome, asked)) {
      record.failed = 0
      record.passed++
      if (!endpoint.healthy && record.passed >= criteria.healthyAfter) {
        endpoint.healthy = true
        endpoint.freshSince = clock.now()
        moved(endpoint, 'its check passes')
      }
      passed(endpoint, asked !== null)
      return
    }
    record.passed = 0
    record.failed++
    record.reason = reasonOf(outcome, asked, criteria.timeoutMs)
    if (endpoint.healthy && record.failed >= criteria.unhealthyAfter) {
      endpoint.healthy = false
      moved(endpoint, record.reason)
    }
  }
}

function isWell(outcome: Outcome, asked: CheckWay['asked']): boolean {
  return asked === null ? outcome.verdict === OK : outcome.reply?.status === asked.well
}

// A peer that refuses above its handler is busy, not ill: to take it out would drown the others. A connection that died while it was idle,
// and an end on this side, say nothing either.
function saysNothing(outcome: Outcome): boolean {
  return (
    (outcome.verdict === UNREACHED && outcome.reply !== null) || outcome.staleConnection || (outcome.verdict & (CANCELLED | REFUSED)) !== 0
  )
}

function reasonOf(outcome: Outcome, asked: CheckWay['asked'], timeoutMs: number): string {
  const why = outcome.error === null ? '' : ` (${outcome.error.message})`
  if (asked === null) return `it took no connection ${outcome.verdict === LATE ? `within ${timeoutMs} ms` : `from its check${why}`}`
  const { what, well } = asked
  if (outcome.reply !== null) return `its check of ${what} was answered with ${outcome.reply.status} instead of ${well}`
  if (outcome.verdict === LATE) return `its check of ${what} had no answer within ${timeoutMs} ms`
  return `its check of ${what} was ${verdictName(outcome.verdict)}${why}`
}
