/** Calls may be aborted at any point of a stack, inbound or outbound: nothing is begun after that, and nothing stays behind. */
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check'
import { expect, test } from 'vitest'
import { attemptTimeout } from '../deadline/attempt-timeout.ts'
import { fault } from '../fault/fault.ts'
import { Ambient } from '../kernel/ambient.ts'
import { Call, type Waiting } from '../kernel/call.ts'
import type { Send } from '../kernel/layer.ts'
import { ended, Outcome, type Reply, wholeOutcome } from '../kernel/outcome.ts'
import { Alarm, TimerWheel } from '../kernel/timer-wheel.ts'
import { BROKEN, CANCELLED, EXPIRED, LATE, OK, REFUSED, UNAVAILABLE, UNREACHED, type Verdict } from '../kernel/verdict.ts'
import { WatchSource } from '../kernel/watch.ts'
import { Gate } from '../limit/gate.ts'
import { TokenBucket } from '../limit/token-bucket.ts'
import { Meter } from '../observe/meter.ts'
import { builtIn, type EffectivePolicy } from '../policy/index.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { testAccessGround } from '../testing/test-access-ground.ts'
import { clientStack, type StackGround } from './client-stack.ts'
import { serverStack } from './server-stack.ts'
import { StandingState } from './standing-state.ts'

const limits = { inFlight: 2, queue: 3, queueForMs: 60 }
const delays = { delay: { forMs: 20, ratio: 0.5 }, abort: null }
const criteria = { consecutiveFailures: 3, successRate: null }

const policy: EffectivePolicy = {
  ...builtIn,
  service: 'cart',
  timeoutMs: 100,
  attemptTimeoutMs: 40,
  retry: { ...builtIn.retry, on: ['unreached', 'unavailable', 'broken', 'late'], budgetMinPerSecond: 1000 },
  breaker: { ...criteria, openForMs: 50 },
  outlier: { ...criteria, ejectForMs: 50, maxEjected: 0.5, panic: 0.5 },
  outboundLimit: limits,
  inboundLimit: limits,
  outboundFault: delays,
  inboundFault: delays,
}

interface Tried {
  readonly send: Send
  readonly gate: Gate
  /** Attempts that endpoints believe to be under way. */
  inFlight(): number
}

type Build = (ground: StackGround, bottom: Send) => Tried

function answer(call: Call): Outcome {
  return wholeOutcome(call, UNREACHED, { code: 'FAULT_INJECTED', at: 0 })
}

const inbound: Build = (ground, bottom) => {
  const { clock, wheel, random } = ground
  const gate = new Gate(clock, wheel)
  gate.tune(policy.inboundLimit)
  // A handler that makes a call of its own, in short: an attempt with its timeout, and a delay below it.
  const below = attemptTimeout(wheel, 40)(fault({ policy: delays, clock, wheel, random, answer })(bottom))
  const wire = { name: 'http', bottom: below, answer, header: () => null }
  const send = serverStack(policy, { gate, bucket: new TokenBucket(), accessGround: testAccessGround(clock) }, { ground, wire })
  return { send, gate, inFlight: () => 0 }
}

const outbound: Build = (ground, bottom) => {
  const { clock, wheel } = ground
  const infos = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'].map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
  const listener = { breaker: () => {}, outlier: () => {}, health: () => {}, endpoints: () => {}, problem: () => {} }
  const state = new StandingState({ service: 'cart', policy, clock, wheel, random: Math.random, listener })
  state.endpoints.follow(new WatchSource(infos))
  const { send } = clientStack(policy, state, { ground, wire: { name: 'http', bottom: () => bottom, answer } })
  const inFlight = (): number => [...state.endpoints.all].reduce((sum, endpoint) => sum + endpoint.inFlight, 0)
  return { send, gate: state.gate, inFlight }
}

/** One attempt as a wire carries it: owns the cancel while it waits and while its body comes, and drains what nobody reads. */
class Exchange extends Alarm implements Waiting, Reply {
  readonly status = '200'
  readonly #call: Call
  readonly #clock: FakeClock
  readonly #give: (outcome: Outcome) => void
  /** Null until the head is here. */
  outcome: Outcome | null = null

  constructor(call: Call, clock: FakeClock, give: (outcome: Outcome) => void) {
    super(null)
    this.#call = call
    this.#clock = clock
    this.#give = give
    call.cancel = this
  }

  head(verdict: Verdict, open: boolean, staleConnection = false): void {
    if (this.outcome !== null) return
    const reply = verdict === UNREACHED || verdict === BROKEN ? null : this
    const at = this.#clock.now()
    this.outcome = new Outcome(this.#call, verdict, { reply, error: null, code: '', at, retryAfterMs: -1, staleConnection, open })
    if (!open) this.#letGo()
    this.#give(this.outcome)
  }

  /** The body has ended. */
  end(final: Verdict): void {
    this.#letGo()
    this.outcome?.settle(final)
  }

  discard(): void {
    this.end((this.outcome as Outcome).verdict)
  }

  cancelled(call: Call): void {
    if (this.outcome !== null) return this.end(call.ending as Verdict)
    this.outcome = ended(call, this.#clock.now())
    this.#letGo()
    this.#give(this.outcome)
  }

  // Answers come by the wheel, so that they fall into one tick with timeouts and aborts.
  override ring(): void {
    this.head(OK, this.#clock.now() % 40 === 0)
  }

  #letGo(): void {
    this.clear()
    if (this.#call.cancel === this) this.#call.cancel = null
  }
}

const step = record({
  act: constantFrom('call', 'call', 'call', 'end', 'endAt', 'endAt', 'settle', 'settle', 'microtasks', 'microtasks', 'pass', 'giveUp'),
  n: nat(20),
  ms: constantFrom(0, 5, 20, 40, 60, 100),
  how: constantFrom(CANCELLED, EXPIRED, LATE),
})

class Walk {
  readonly calls: Call[] = []
  readonly verdicts: number[] = []
  begunInVain = 0
  begunLate = 0
  readonly clock: FakeClock = fakeClock()
  readonly wheel = new TimerWheel(this.clock)
  readonly tried: Tried
  readonly #live = new Set<Call>()
  readonly #exchanges: Exchange[] = []
  readonly #random
  readonly #ambient = new Ambient(null, '', Number.POSITIVE_INFINITY)

  constructor(build: Build, seed: number) {
    const { clock, wheel } = this
    const random = seededRandom(seed)
    this.#random = random
    const ground = { clock, wheel, random, jitter: random, meter: new Meter({ clock }), tracer: () => null }
    this.tried = build(ground, (call) => this.#attempt(call))
  }

  call(bound: boolean): void {
    const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
    call.startedAt = this.clock.now()
    call.timeoutMs = 100
    if (bound) call.ambient = this.#ambient
    this.calls.push(call)
    this.#live.add(call)
    const settled = (_outcome: Outcome, final: Verdict): void => {
      this.verdicts.push(final)
      this.#live.delete(call)
    }
    void this.tried.send(call).then((outcome) => outcome.whenSettled({ settled }, 0))
  }

  async take({ act, n, ms, how }: { act: string; n: number; ms: number; how: typeof CANCELLED | typeof EXPIRED | typeof LATE }) {
    const live = [...this.#live]
    const call = live[n % (live.length || 1)]
    if (act === 'call') this.call(n % 3 === 0)
    else if (act === 'end' && call !== undefined) endAs(call, how)
    else if (act === 'endAt' && call !== undefined) {
      // In one tick with whatever else falls due then: slots handed over, pauses and attempts that end.
      this.wheel.set(new Alarm({ alarm: () => endAs(call, how) }), this.clock.now() + ms, this.clock.now())
    } else if (act === 'settle') this.#settle(n)
    else if (act === 'microtasks') for (let hop = 0; hop < n; hop++) await Promise.resolve()
    else if (act === 'pass') await this.clock.advance(ms)
    else if (act === 'giveUp' && n === 0) this.#ambient.giveUp(CANCELLED, this.clock.now())
  }

  #settle(n: number): void {
    const open = this.#exchanges.filter((exchange) => exchange.outcome?.open)
    open[n % (open.length || 1)]?.end(n % 2 === 0 ? OK : BROKEN)
  }

  #attempt(call: Call): Promise<Outcome> {
    const { clock, wheel } = this
    if (call.ending !== 0) this.begunInVain++
    if (clock.now() > call.deadlineAt) this.begunLate++
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const exchange = new Exchange(call, clock, resolve)
    this.#exchanges.push(exchange)
    const drawn = Math.floor(this.#random() * 10)
    if (drawn < 2) exchange.head(OK, drawn === 1)
    else if (drawn < 4) exchange.head(UNAVAILABLE, drawn === 3)
    else if (drawn === 4) exchange.head(UNREACHED, false)
    else if (drawn === 5) exchange.head(BROKEN, false, true)
    else if (drawn < 9) wheel.set(exchange, clock.now() + 20 * (drawn - 5), clock.now())
    // Head and the break of the body in one tick, before any layer above has signed up.
    if (drawn === 3) exchange.end(BROKEN)
    return promise
  }
}

// Only an attempt can be late, until its head is there.
function endAs(call: Call, how: typeof CANCELLED | typeof EXPIRED | typeof LATE): void {
  if (how !== LATE || (call.cancel instanceof Exchange && call.cancel.outcome === null)) call.end(how)
}

/** Walks to the end, where time alone must have ended whatever was still under way; returns how each call ended. */
async function walkToTheEnd(walk: Walk, steps: readonly Parameters<Walk['take']>[0][]): Promise<readonly number[]> {
  for (const next of steps) {
    // Not awaited where nothing waits, so that steps fall into one tick: a body's end and an abort, for one.
    const taken = walk.take(next)
    if (next.act === 'microtasks' || next.act === 'pass') await taken
    expect(walk.tried.gate.inFlight).toBeLessThanOrEqual(limits.inFlight)
    expect(walk.tried.gate.queued).toBeLessThanOrEqual(limits.queue)
  }
  await walk.clock.advance(200)
  expect(walk.verdicts).toHaveLength(walk.calls.length)
  expect([walk.begunInVain, walk.begunLate]).toEqual([0, 0])
  expect([walk.tried.gate.inFlight, walk.tried.gate.queued, walk.tried.inFlight()]).toEqual([0, 0, 0])
  expect(walk.calls.filter((call) => call.cancel !== null)).toEqual([])
  expect([walk.wheel.armed, walk.clock.pending]).toEqual([0, 0])
  return walk.verdicts
}

test.each([
  ['inbound', inbound],
  ['outbound', outbound],
] as const)('wherever %s calls are aborted, each ends in time, begins nothing afterwards and leaves nothing', async (_name, build) => {
  const seen = new Map<number, number>()
  const walks = asyncProperty(integer(), array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (seed, steps) => {
    for (const verdict of await walkToTheEnd(new Walk(build, seed), steps)) seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
  })
  await assert(walks, { numRuns: 600 })
  // The walks are worth something only where calls come to every kind of end.
  for (const verdict of [OK, REFUSED, LATE, EXPIRED, BROKEN, CANCELLED]) expect(seen.get(verdict)).toBeGreaterThan(20)
})
