/** The words in which cases are written: what services do, what calls are made, what happens next. */
import type { ErrorCode } from '@zerohop/mesh-core'
import type { Behaviour, CallSpec, Ending, Sight, Step, Tally, Visitor, Word } from './case.ts'

const base: Behaviour = {
  kind: 'answers',
  word: 'ok',
  status: '',
  afterMs: 0,
  retryAfterMs: 0,
  pieces: 1,
  everyMs: 0,
  at: 'head',
}

/** An answer. */
export function answers(word: Word, more: Partial<Behaviour> = {}): Behaviour {
  return { ...base, word, ...more }
}

export const ok: Behaviour = base

/** No answer, ever. */
export const silent: Behaviour = { ...base, kind: 'silent' }

/** A peer's mesh says no above its handler. */
export const refuses: Behaviour = { ...base, kind: 'refuses', word: 'unavailable' }

/** The connection is lost, before the head or after some pieces of the body. */
export function cut(at: Behaviour['at'], more: Partial<Behaviour> = {}): Behaviour {
  return { ...base, kind: 'cut', at, ...more }
}

/** The same behaviour so many times. */
export function times(count: number, behaviour: Behaviour): Behaviour[] {
  return Array.from({ length: count }, () => behaviour)
}

const plainCall: CallSpec = {
  does: 'read',
  body: 'none',
  key: false,
  idempotent: undefined,
  once: false,
  waits: false,
  timeoutMs: 0,
  under: '',
}

/** A call that may be repeated. */
export function read(more: Partial<CallSpec> = {}): CallSpec {
  return { ...plainCall, ...more }
}

/** A call with a body that may be repeated. */
export function replace(more: Partial<CallSpec> = {}): CallSpec {
  return { ...plainCall, does: 'replace', body: 'whole', ...more }
}

/** A call that may not be repeated. */
export function act(more: Partial<CallSpec> = {}): CallSpec {
  return { ...plainCall, does: 'act', body: 'whole', ...more }
}

/** Makes a call and waits for its end. */
export function call(spec: CallSpec, expect: Ending): Step {
  return { do: 'call', spec, times: 1, everyMs: 0, expect }
}

/** Makes calls one after the other. */
export function calls(count: number, spec: CallSpec, expect: Ending | Tally): Step {
  return { do: 'call', spec, times: count, everyMs: 0, expect }
}

/** The same calls with a pause before each but the first. */
export function apart(everyMs: number, step: Step): Step {
  return step.do === 'call' ? { ...step, everyMs } : step
}

/** Makes a call under a name and goes on. */
export function begin(name: string, spec: CallSpec, count = 1): Step {
  return { do: 'begin', name, spec, times: count }
}

/** Waits for the calls of a name to end. */
export function end(name: string, expect: Ending | Tally): Step {
  return { do: 'end', name, expect }
}

/** The caller of a call leaves it. */
export function abort(name: string): Step {
  return { do: 'abort', name }
}

export function pass(ms: number): Step {
  return { do: 'pass', ms }
}

export function see(sight: Sight): Step {
  return { do: 'see', sight }
}

/** An instance dies, or is back. */
export function instance(number: number, move: 'kill' | 'start'): Step {
  return { do: 'instance', number, move }
}

/** A request comes in, under which calls can be made. */
export function open(name: string, more: { leftMs?: number; trace?: string; baggage?: string } = {}): Step {
  return { do: 'open', name, leftMs: more.leftMs ?? 0, trace: more.trace ?? '', baggage: more.baggage ?? '' }
}

/** The inbound request is answered, with what a call got where one is named. */
export function answer(name: string, from = ''): Step {
  return { do: 'answer', name, from }
}

/** Whoever sent the inbound request hangs up. */
export function leave(name: string): Step {
  return { do: 'leave', name }
}

/** Somebody calls the service, in plaintext unless said otherwise, and gets in (''), or is refused with a code. */
export function visit(visitor: Partial<Visitor>, expect: ErrorCode | ''): Step {
  return { do: 'visit', visitor: { as: '', method: 'GET', path: '/', headers: {}, ...visitor }, expect }
}

/** The mesh is closed at once. */
export const close: Step = { do: 'close' }

/** No pauses between attempts, where they are not what a case is about. */
export const noPause = { backoff: { base: 0, cap: 0 } } as const
