/** Plays a case on a stage, and sees to it that what was expected is what happened. */
import type { VerdictName } from '@zerohop/mesh-core'
import { expect } from 'vitest'
import type { CallSpec, Case, Ending, Step, Tally } from './case.ts'
import { expectEnding, expectTally, verdictOf } from './endings.ts'
import { expectNothingLeft } from './nothing-left.ts'
import type { PlacedCall } from './placed-call.ts'
import type { Seen } from './seen.ts'
import { expectSight, MoveLog, valuesOf } from './sights.ts'
import type { Stage } from './stage.ts'
import type { OpenRequest } from './wire.ts'

// Beyond any timeout that a case sets.
const longestCallMs = 60_000

/** Plays all steps of `of`; throws an assertion error at the first that went otherwise. */
export async function play(of: Case, stage: Stage): Promise<void> {
  const player = new Player(stage)
  for (const [number, step] of of.steps.entries()) {
    try {
      await player.step(step)
    } catch (error) {
      if (error instanceof Error) error.message = `step ${number + 1} (${step.do}): ${error.message}`
      throw error
    }
  }
  await player.finish()
}

class Player {
  readonly #stage: Stage
  readonly #moves: MoveLog
  readonly #all: PlacedCall[] = []
  readonly #named = new Map<string, PlacedCall[]>()
  readonly #requests = new Map<string, OpenRequest>()
  readonly #expected: VerdictName[] = []
  // How much longer the steps up to now took than the case says.
  #lateMs = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#moves = new MoveLog(stage.mesh)
  }

  async step(step: Step): Promise<void> {
    const stage = this.#stage
    if (step.do === 'call') await this.#call(step)
    else if (step.do === 'begin') this.#named.set(step.name, this.#place(step.spec, step.times))
    else if (step.do === 'abort') for (const call of this.#calls(step.name)) call.abort()
    else if (step.do === 'end') await this.#end(step.name, step.expect)
    else if (step.do === 'pass') await this.#pass(step.ms)
    else if (step.do === 'see') await expectSight(step.sight, stage, this.#moves)
    else if (step.do === 'instance') await stage.instance(step.number, step.move)
    else if (step.do === 'open') this.#requests.set(step.name, await stage.open(step))
    else if (step.do === 'answer') await this.#answer(step.name, step.from)
    else if (step.do === 'visit') await this.#visit(step)
    else if (step.do === 'leave') await this.#request(step.name).leave()
    else await stage.mesh.close({ graceMs: 0 })
  }

  /** What must hold at the end of every case: metrics agree with what callers saw, and nothing is left. */
  async finish(): Promise<void> {
    expect(this.#all.filter((call) => call.seen === null).length, 'calls that no step waits for').toBe(0)
    for (const name of [...this.#requests.keys()]) await this.#answer(name, '')
    await expectNothingLeft(this.#stage, this.#all)
    const counted = await valuesOf(this.#stage.mesh, 'zerohop_calls_total', 'verdict')
    const expected: Record<string, number> = {}
    for (const verdict of this.#expected) expected[verdict] = (expected[verdict] ?? 0) + 1
    expect(counted, 'calls by verdict, as metrics count them').toEqual(expected)
  }

  async #call(step: Step & { do: 'call' }): Promise<void> {
    const calls: PlacedCall[] = []
    for (let n = 0; n < step.times; n++) {
      if (n > 0 && step.everyMs > 0) await this.#pass(step.everyMs)
      const [call] = this.#place(step.spec, 1) as [PlacedCall]
      await this.#seen(call)
      calls.push(call)
    }
    this.#judge(calls, step.expect)
  }

  async #end(name: string, expected: Ending | Tally): Promise<void> {
    const calls = this.#calls(name)
    for (const call of calls) await this.#seen(call)
    this.#judge(calls, expected)
  }

  #place(spec: CallSpec, times: number): PlacedCall[] {
    const request = spec.under === '' ? null : this.#request(spec.under)
    const placed = Array.from({ length: times }, () => this.#stage.place(spec, request))
    for (const call of placed) call.lateMs = this.#lateMs
    this.#all.push(...placed)
    return placed
  }

  async #seen(call: PlacedCall): Promise<Seen> {
    await this.#stage.until(() => call.seen !== null, longestCallMs)
    expect(call.seen, 'the call never ended').not.toBeNull()
    const seen = call.seen as Seen
    this.#lateMs += this.#stage.now() - call.startedAt - seen.tookMs
    return seen
  }

  async #pass(ms: number): Promise<void> {
    const since = this.#stage.now()
    await this.#stage.pass(ms)
    this.#lateMs += this.#stage.now() - since - ms
  }

  #judge(calls: readonly PlacedCall[], expected: Ending | Tally): void {
    if (!('verdict' in expected)) {
      const seen = calls.map((call) => call.seen as Seen)
      expectTally(seen, expected)
      this.#expected.push(...seen.map(verdictOf))
      return
    }
    for (const call of calls) {
      expectEnding(call, expected as Ending, this.#stage)
      this.#expected.push((expected as Ending).verdict)
    }
  }

  async #answer(name: string, from: string): Promise<void> {
    const seen = from === '' ? null : await this.#seen(this.#calls(from)[0] as PlacedCall)
    await this.#request(name).answer(seen)
  }

  async #visit({ visitor, expect: meant }: Step & { do: 'visit' }): Promise<void> {
    expect(await this.#stage.reception.visit(visitor), `what became of ${JSON.stringify(visitor)}`).toBe(meant)
  }

  #calls(name: string): PlacedCall[] {
    const calls = this.#named.get(name)
    if (calls === undefined) throw new Error(`no call is named ${name}`)
    return calls
  }

  #request(name: string): OpenRequest {
    const request = this.#requests.get(name)
    if (request === undefined) throw new Error(`no inbound request is named ${name}`)
    return request
  }
}
