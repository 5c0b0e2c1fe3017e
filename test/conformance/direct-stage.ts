/** A stage in memory and in virtual time. */
import { type FakeClock, type TestMesh, type TestService, testMesh } from '@zerohop/mesh-core/testing'
import { Ambient, acceptBaggage, CANCELLED, EXPIRED, parseTraceContext, runUnder } from '@zerohop/mesh-core/transport'
import type { Behaviour, CallSpec, Case } from './case.ts'
import { directReception } from './direct-reception.ts'
import { PlacedCall } from './placed-call.ts'
import type { Reception } from './reception.ts'
import { Script } from './script.ts'
import { host } from './seen.ts'
import type { Arrival, Stage } from './stage.ts'
import type { Brought, Caller, OpenRequest, Told, Wire } from './wire.ts'

/** Makes the stage of a case. */
export function directStage(wire: Wire, of: Pick<Case, 'policy' | 'upstream' | 'seed'>): Stage {
  return new DirectStage(wire, of)
}

class DirectStage implements Stage {
  readonly runner = 'direct'
  readonly wire: Wire
  readonly slackMs = 0
  readonly arrivals: Arrival[] = []
  whenArrived: ((number: number) => void) | null = null
  readonly mesh: TestMesh['mesh']
  readonly #test: TestMesh
  readonly #service: TestService<unknown>
  readonly #script: Script
  readonly #caller: Caller
  readonly #policy: Case['policy']
  #reception: Reception | null = null

  constructor(wire: Wire, { policy: given, upstream, seed = 1 }: Pick<Case, 'policy' | 'upstream' | 'seed'>) {
    const policy = wire.policyOf(given)
    this.wire = wire
    this.#policy = policy
    this.#script = new Script(upstream)
    const { instances = 1, versions = [], zones = [], zone = '', down = [] } = upstream
    this.#test = testMesh({ seed, pauses: true, service: 'caller', zone, policy: { ...policy, service: host } })
    this.mesh = this.#test.mesh
    this.#service = this.#test.service<unknown>(host, { instances, versions, zones }, (request, n) => this.#answer(request, n))
    for (const number of down) this.#service.instances[number]?.kill()
    this.#caller = wire.caller(this.mesh, upstream)
  }

  get reception(): Reception {
    this.#reception ??= directReception(this.#policy, this.wire)
    return this.#reception
  }

  now(): number {
    return this.#test.clock.now()
  }

  async heal(): Promise<void> {
    this.#script.healed = true
    for (const instance of this.#service.instances) instance.start()
  }

  place(spec: CallSpec, request: OpenRequest | null): PlacedCall {
    const make = (): PlacedCall => new PlacedCall(this.#caller, spec, () => this.now())
    return request === null ? make() : request.under(make)
  }

  async open({ leftMs, trace, baggage }: Brought): Promise<OpenRequest> {
    const { clock } = this.#test
    const dueAt = leftMs === 0 ? Number.POSITIVE_INFINITY : clock.now() + leftMs
    const ambient = new Ambient(parseTraceContext(trace || undefined, undefined), acceptBaggage(baggage || undefined), dueAt)
    const timer = leftMs === 0 ? null : clock.setTimer(leftMs, () => ambient.giveUp(EXPIRED, clock.now()))
    return {
      under: (work) => runUnder(ambient, work),
      answer: async () => {
        timer?.cancel()
        ambient.finish()
      },
      leave: async () => {
        timer?.cancel()
        ambient.giveUp(CANCELLED, clock.now())
      },
    }
  }

  pass(ms: number): Promise<void> {
    return this.#test.clock.advance(ms)
  }

  async until(done: () => boolean, mostMs: number): Promise<boolean> {
    await this.pass(0)
    // Small steps: whatever comes next in the case begins soon after.
    for (let passed = 0; passed < mostMs && !done(); passed += 2) await this.pass(2)
    return done()
  }

  async instance(number: number, move: 'kill' | 'start'): Promise<void> {
    this.#service.instances[number]?.[move]()
  }

  // In memory there is nothing that could stay open.
  busy(): number {
    return 0
  }

  connections(): number {
    return 0
  }

  timers(): number {
    return (this.#test.clock as FakeClock).pending
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reception?.close()
    await this.#test.close()
  }

  #answer(request: unknown, n: number): Promise<unknown> {
    const call = this.#service.calls[n] as TestService<unknown>['calls'][number]
    const instance = this.#service.instances.findIndex(({ address }) => address === call.address)
    const serve = (told: Told): Behaviour => {
      const behaviour = this.#script.next(instance)
      this.arrivals.push({ ...told, instance, at: this.now(), executed: behaviour.kind !== 'refuses' })
      this.whenArrived?.(this.arrivals.length)
      return behaviour
    }
    return this.wire.answer(request, serve, (ms) => this.#wait(ms))
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#test.clock.setTimer(ms, resolve))
  }
}
