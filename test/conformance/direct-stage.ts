/** A stage in memory and in virtual time. */
import { type FakeClock, type TestMesh, type TestService, testMesh } from '@zerohop/mesh-core/testing'
import { Ambient, acceptBaggage, CANCELLED, EXPIRED, parseTraceContext, runUnder } from '@zerohop/mesh-core/transport'
import { type MeshFetch, meshFetch } from '@zerohop/mesh-http'
import { reply, type ScriptedReply } from '@zerohop/mesh-http/testing'
import type { Behaviour, CallSpec, Case } from './case.ts'
import { directReception } from './direct-reception.ts'
import { headersOf, piece, statusOf, toldBy } from './http-words.ts'
import { host, PlacedCall } from './placed-call.ts'
import type { Reception } from './reception.ts'
import { Script } from './script.ts'
import type { Arrival, Brought, OpenRequest, Stage } from './stage.ts'

/** Makes the stage of a case. */
export function directStage(of: Pick<Case, 'policy' | 'upstream' | 'seed'>): Stage {
  return new DirectStage(of)
}

class DirectStage implements Stage {
  readonly runner = 'direct'
  readonly slackMs = 0
  readonly arrivals: Arrival[] = []
  whenArrived: ((number: number) => void) | null = null
  readonly mesh: TestMesh['mesh']
  readonly #test: TestMesh
  readonly #service: TestService<Request>
  readonly #script: Script
  readonly #fetch: MeshFetch
  readonly #policy: Case['policy']
  #reception: Reception | null = null

  constructor({ policy, upstream, seed = 1 }: Pick<Case, 'policy' | 'upstream' | 'seed'>) {
    this.#policy = policy
    this.#script = new Script(upstream)
    const { instances = 1, versions = [], zones = [], zone = '', down = [] } = upstream
    this.#test = testMesh({ seed, pauses: true, service: 'caller', zone, policy: { ...policy, service: host } })
    this.mesh = this.#test.mesh
    this.#service = this.#test.service(host, { instances, versions, zones }, (request, n) => this.#answer(request, n))
    for (const number of down) this.#service.instances[number]?.kill()
    this.#fetch = meshFetch(this.mesh)
  }

  get reception(): Reception {
    this.#reception ??= directReception(this.#policy)
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
    const make = (): PlacedCall => new PlacedCall(this.#fetch, spec, () => this.now())
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

  async #answer(request: Request, n: number): Promise<ScriptedReply | Response> {
    const call = this.#service.calls[n] as TestService<Request>['calls'][number]
    const instance = this.#service.instances.findIndex(({ address }) => address === call.address)
    const behaviour = this.#script.next(instance)
    this.arrivals.push({ ...toldBy(request.headers), instance, at: this.now(), executed: behaviour.kind !== 'refuses' })
    this.whenArrived?.(this.arrivals.length)
    await request.arrayBuffer()
    if (behaviour.kind !== 'answers' || behaviour.everyMs === 0) return replyOf(behaviour)
    if (behaviour.afterMs > 0) await this.#wait(behaviour.afterMs)
    return new Response(this.#slowBody(behaviour), { status: statusOf(behaviour), headers: headersOf(behaviour) })
  }

  #slowBody({ pieces, everyMs }: Behaviour): ReadableStream<Uint8Array> {
    let sent = 0
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      if (sent++ > 0) await this.#wait(everyMs)
      controller.enqueue(Buffer.from(piece))
      if (sent === pieces) controller.close()
    }
    return new ReadableStream({ pull }, { highWaterMark: 0 })
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#test.clock.setTimer(ms, resolve))
  }
}

function replyOf(behaviour: Behaviour): ScriptedReply {
  const { kind, at, afterMs, pieces } = behaviour
  const body = piece.repeat(pieces)
  if (kind === 'silent') return reply.never()
  if (kind === 'cut') return reply.delayed(afterMs, reply.broken(at === 'body' ? { at, body } : { at: 'head' }))
  return reply.delayed(afterMs, reply(statusOf(behaviour), body, headersOf(behaviour)))
}
