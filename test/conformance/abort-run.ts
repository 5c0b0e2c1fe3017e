/** Runs one random world to its end and sees to it that nothing is left of it. */
import { expect } from 'vitest'
import type { AbortPlan, Moment, PlannedCall } from './abort-plan.ts'
import { expectNothingLeft } from './nothing-left.ts'
import type { PlacedCall } from './placed-call.ts'
import type { Stage } from './stage.ts'
import type { OpenRequest } from './wire.ts'
import { read } from './words.ts'

// Beyond every deadline of a plan.
const longestMs = 1000

/** Plays `plan`, then asks that every call has ended in its time and given back what it held. */
export async function runAborts(plan: AbortPlan, stage: Stage): Promise<void> {
  const run = new Run(plan, stage)
  await run.play()
  await run.expectAllEnded()
  await expectNothingLeft(stage, run.placed)
  if (plan.closes === null) await run.expectHealing()
  await stage.mesh.close({ graceMs: 0 })
  await stage.until(() => stage.connections() === 0, longestMs)
  expect(stage.connections(), 'connections left when the mesh is closed').toBe(0)
  // A timer that was set for a call that has ended may stand until its time.
  await stage.pass(stage.runner === 'direct' ? 20_000 : 0)
  expect(stage.timers(), 'timers left when the mesh is closed').toBe(0)
}

class Run {
  readonly placed: PlacedCall[] = []
  readonly #plan: AbortPlan
  readonly #stage: Stage
  readonly #dueAts: number[] = []
  readonly #onArrival: { arrival: number; hops: number; act: () => void }[] = []
  #inbound: OpenRequest | null = null
  #closing: Promise<void> | null = null

  constructor(plan: AbortPlan, stage: Stage) {
    this.#plan = plan
    this.#stage = stage
  }

  async play(): Promise<void> {
    const { calls, dead, hangsUp, closes, leftMs } = this.#plan
    const stage = this.#stage
    if (dead >= 0) await stage.instance(dead, 'kill')
    const isUnder = calls.some(({ spec }) => spec.under !== '')
    const openedAt = stage.now()
    if (isUnder) this.#inbound = await stage.open({ leftMs, trace: '', baggage: '' })
    const inheritedAt = isUnder && leftMs > 0 ? openedAt + leftMs : Number.POSITIVE_INFINITY
    stage.whenArrived = (number) => {
      for (const { arrival, hops, act } of this.#onArrival) if (arrival === number) void later(hops, act)
    }
    const timed: { atMs: number; act: () => unknown }[] = calls.map((call) => ({
      atMs: call.startsMs,
      act: () => this.#start(call, inheritedAt),
    }))
    if (isUnder) this.#at(hangsUp, timed, () => void this.#inbound?.leave())
    this.#at(closes, timed, () => {
      this.#closing = stage.mesh.close({ graceMs: 0 })
    })
    for (const [index, { leaves, startsMs }] of calls.entries()) {
      this.#at(leaves, timed, () => this.placed[index]?.abort(), startsMs)
    }
    let passed = 0
    // Stable: what begins at a time stands before what ends it.
    for (const { atMs, act } of timed.sort((a, b) => a.atMs - b.atMs)) {
      if (atMs > passed) await stage.pass(atMs - passed)
      passed = Math.max(passed, atMs)
      await act()
    }
  }

  async expectAllEnded(): Promise<void> {
    const { placed } = this
    await this.#stage.until(() => placed.every(({ seen }) => seen !== null), longestMs)
    expect(placed.filter(({ seen }) => seen === null).length, 'calls that never ended').toBe(0)
    for (const [index, { seen, startedAt }] of placed.entries()) {
      const endedAt = startedAt + (seen?.tookMs ?? 0)
      expect(endedAt, 'the end of a call, by its deadline').toBeLessThanOrEqual((this.#dueAts[index] as number) + this.#stage.slackMs)
    }
    await this.#closing
    // Whoever was to hang up when something came that never came does so now.
    if (this.#plan.hangsUp !== null) await this.#inbound?.leave()
    else await this.#inbound?.answer(null)
  }

  /** Once the service is well, a call must get through: no door stays shut for good. */
  async expectHealing(): Promise<void> {
    const stage = this.#stage
    await stage.heal()
    // Beyond every time that a breaker or an ejection of a plan lasts, and enough for new tokens.
    await stage.pass(stage.runner === 'direct' ? 2000 : 150)
    if (this.#plan.policy.fault !== undefined) return
    let call = stage.place(read(), null)
    await stage.until(() => call.seen !== null, longestMs)
    // A busy machine may take all the time of a call, and again.
    for (let again = stage.slackMs > 0 ? 5 : 0; again > 0 && call.seen?.verdict !== 'ok'; again--) {
      await stage.pass(100)
      call = stage.place(read(), null)
      await stage.until(() => call.seen !== null, longestMs)
    }
    expect(call.seen?.verdict, `a call to a service that is well: ${call.seen?.code}`).toBe('ok')
    await expectNothingLeft(stage, [call])
  }

  #start({ spec }: PlannedCall, inheritedAt: number): void {
    const { policy } = this.#plan
    const call = this.#stage.place(spec, spec.under === '' ? null : this.#inbound)
    this.placed.push(call)
    const policyMs = Number(policy.timeout ?? policy.stream?.total)
    const ownMs = spec.timeoutMs === 0 ? policyMs : Math.min(policyMs, spec.timeoutMs)
    this.#dueAts.push(
      Math.min(call.startedAt + ownMs, spec.under === '' ? Number.POSITIVE_INFINITY : Math.max(inheritedAt, call.startedAt)),
    )
  }

  #at(...[moment, timed, act, notBeforeMs = 0]: [Moment | null, { atMs: number; act: () => unknown }[], () => void, number?]): void {
    if (moment === null) return
    const { atMs, arrival, hops } = moment
    if (arrival > 0) this.#onArrival.push({ arrival, hops, act })
    else timed.push({ atMs: atMs < 20 ? notBeforeMs : Math.max(atMs, notBeforeMs), act: () => later(hops, act) })
  }
}

/** So many turns of the microtask queue later: between two steps of whatever is going on now. */
async function later(hops: number, act: () => void): Promise<void> {
  for (let hop = 0; hop < hops; hop++) await null
  act()
}
