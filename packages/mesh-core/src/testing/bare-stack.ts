/** A client stack over a scripted bottom, in virtual time: what tests of the order of layers and of policy changes stand on. */
import { Call } from '../kernel/call.ts'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { Send } from '../kernel/layer.ts'
import { type Outcome, wholeOutcome } from '../kernel/outcome.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { FAULT, OK, UNAVAILABLE, type Verdict } from '../kernel/verdict.ts'
import { WatchSource } from '../kernel/watch.ts'
import { Meter } from '../observe/meter.ts'
import { type EffectivePolicy, effectivePolicy, type PolicyDocumentInput, readPolicies } from '../policy/index.ts'
import { type ClientStack, clientStack } from '../stack/client-stack.ts'
import { StandingState } from '../stack/standing-state.ts'
import type { Wire } from '../stack/wire.ts'
import { fakeClock } from './fake-clock.ts'
import { CountedReply, type ScriptEntry, scriptedSend } from './scripted-send.ts'
import { seededRandom } from './seeded-random.ts'

function policyOf(document: Omit<PolicyDocumentInput, 'service'>): EffectivePolicy {
  const reading = readPolicies({ service: 's', ...document }, 'test')
  if (!reading.ok) throw new Error(reading.problems.join('; '))
  return effectivePolicy('s', null, reading.set.services.get('s') ?? null).policy
}

// A reply as a wire would make it in the server's place, judged by its status alone.
function answerOf(call: Call, status: number, at: number): Outcome {
  const verdict: Verdict = status === 503 ? UNAVAILABLE : status >= 500 ? FAULT : OK
  const reply = new CountedReply(String(status))
  return wholeOutcome(call, verdict, { reply, at })
}

/** Makes the stack of a policy with two endpoints of version v1, or as `versions` says, over a scripted bottom. */
export function bareStack(
  document: Omit<PolicyDocumentInput, 'service'>,
  script: readonly ScriptEntry[] | ScriptEntry,
  versions = ['v1', 'v1'],
) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const random = seededRandom(1)
  const meter = new Meter({ clock })
  const ground = { clock, wheel, random, jitter: random, meter, tracer: () => null }
  const bottom = scriptedSend(script, clock)
  const wire: Wire = { name: 'http', bottom: () => bottom, answer: (call, status) => answerOf(call, status, clock.now()) }
  const policy = policyOf(document)
  const told: string[] = []
  const listener = {
    breaker: (version: string, state: string) => told.push(`${version} ${state}`),
    outlier: (endpoint: string, state: string) => told.push(`${endpoint} ${state}`),
    health: (endpoint: string, healthy: boolean) => told.push(`${endpoint} ${healthy ? 'healthy' : 'unhealthy'}`),
    endpoints: () => {},
    problem: () => {},
  }
  const state = new StandingState({ service: 's', policy, clock, wheel, random, listener })
  const infos = versions.map((version, n): EndpointInfo => ({ address: `${version}-${n}:1`, labels: { version }, zone: '', weight: 1 }))
  const source = new WatchSource<readonly EndpointInfo[]>(infos)
  state.endpoints.follow(source)
  const place = { ground, wire, onward: (): Send => compiled.onward }
  let compiled: ClientStack = clientStack(policy, state, place)
  const adopt = (next: Omit<PolicyDocumentInput, 'service'>): void => {
    const to = policyOf(next)
    compiled = clientStack(to, state, place)
    state.retune(to)
  }
  const start = (over: { idempotent?: boolean; waitsForReady?: boolean } = {}) => {
    const { idempotent = true, waitsForReady = false } = over
    const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent })
    call.startedAt = clock.now()
    call.waitsForReady = waitsForReady
    return { call, done: compiled.send(call) }
  }
  const run = async (over: { idempotent?: boolean } = {}) => (await start(over).done) as Outcome
  // Nothing is held: no place, no alarm, no attempt under way anywhere.
  const held = (): number[] => [
    state.gate.inFlight,
    state.gate.queued,
    wheel.armed,
    [...state.endpoints.all].reduce((sum, endpoint) => sum + endpoint.inFlight, 0),
  ]
  return { clock, wheel, bottom, state, source, told, start, run, adopt, held }
}
