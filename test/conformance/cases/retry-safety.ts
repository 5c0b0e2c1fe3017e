/** What is tried again: by verdict, by what the call says of itself, and by what is left of its body. */
import type { Behaviour, CallSpec, Case, Ending } from '../case.ts'
import { act, answers, call, cut, noPause, ok, read, refuses, replace, see, silent } from '../words.ts'

type Tried = 'unreached' | 'unavailable' | 'throttled' | 'fault' | 'late' | 'broken'

/** What brings each verdict about, and what the caller gets where it is not tried again. */
const failures: Readonly<Record<Tried, { does: Behaviour; ending: Ending }>> = {
  unreached: { does: refuses, ending: { verdict: 'unreached', gets: 'answer', answer: 'unavailable' } },
  unavailable: { does: answers('unavailable'), ending: { verdict: 'unavailable' } },
  throttled: { does: answers('throttled'), ending: { verdict: 'throttled' } },
  fault: { does: answers('fault'), ending: { verdict: 'fault' } },
  late: { does: silent, ending: { verdict: 'late', code: 'LATE', attempts: 1 } },
  broken: { does: cut('head'), ending: { verdict: 'broken', code: 'BROKEN', attempts: 1 } },
}

const verdicts = Object.keys(failures) as Tried[]

interface Caller {
  readonly name: string
  readonly spec: CallSpec
  /** True where only a handler that did not start makes a second execution safe. */
  readonly unsafe: boolean
  /** True where nothing makes it possible. */
  readonly never: boolean
}

const callers: readonly Caller[] = [
  { name: 'a call that may be repeated', spec: read(), unsafe: false, never: false },
  { name: 'a call with a body that may be repeated', spec: replace(), unsafe: false, never: false },
  { name: 'a call that may not be repeated', spec: act(), unsafe: true, never: false },
  { name: 'a call that may not be repeated, but has a key', spec: act({ key: true }), unsafe: false, never: false },
  { name: 'a call that its program says may be repeated', spec: act({ idempotent: true }), unsafe: false, never: false },
  { name: 'a call that its program says may not be repeated', spec: replace({ idempotent: false }), unsafe: true, never: false },
  { name: 'a call that is to be made once', spec: read({ once: true }), unsafe: false, never: true },
  { name: 'a short stream that may be repeated', spec: replace({ body: 'stream' }), unsafe: false, never: false },
  { name: 'a short stream that may not be repeated', spec: act({ body: 'stream' }), unsafe: true, never: false },
  { name: 'a stream too long to be kept', spec: replace({ body: 'long-stream' }), unsafe: false, never: true },
  { name: 'a stream too long to be kept, with a key', spec: act({ body: 'long-stream', key: true }), unsafe: false, never: true },
]

function retryOf(caller: Caller, verdict: Tried): Case {
  const again = !caller.never && (verdict === 'unreached' || !caller.unsafe)
  const { does, ending } = failures[verdict]
  const executed = verdict === 'unreached' ? 0 : 1
  return {
    name: `${caller.name} is ${again ? '' : 'not '}tried again when ${verdict}`,
    policy: { retry: { attempts: 2, on: verdicts, ...noPause }, ...(verdict === 'late' ? { attemptTimeout: 400 } : {}) },
    upstream: { does: [does, ok], freshConnections: verdict === 'broken' },
    steps: again
      ? [
          call(caller.spec, { verdict: 'ok' }),
          see({ arrivals: 2, executions: executed + 1, attemptsTold: [1, 2], retries: 1, attempts: { [verdict]: 1, ok: 1 } }),
        ]
      : [call(caller.spec, ending), see({ arrivals: 1, executions: executed, retries: 0, attempts: { [verdict]: 1 } })],
  }
}

function unwanted(verdict: Tried): Case {
  const { does, ending } = failures[verdict]
  return {
    name: `a policy that does not name ${verdict} does not try it again`,
    policy: {
      retry: { attempts: 3, on: verdicts.filter((other) => other !== verdict), ...noPause },
      ...(verdict === 'late' ? { attemptTimeout: 100 } : {}),
    },
    upstream: { does: [does, ok], freshConnections: true },
    steps: [call(read(), ending), see({ arrivals: 1, retries: 0 })],
  }
}

export const retrySafety: readonly Case[] = [
  ...callers.flatMap((caller) => verdicts.map((verdict) => retryOf(caller, verdict))),
  ...verdicts.map(unwanted),
  {
    name: 'by default unreached, unavailable and broken are tried again, up to three attempts',
    policy: {},
    upstream: { does: [refuses, answers('unavailable'), ok] },
    steps: [call(read(), { verdict: 'ok' }), see({ arrivals: 3, attemptsTold: [1, 2, 3] })],
  },
  {
    name: 'by default a fault is not tried again',
    policy: {},
    upstream: { does: [answers('fault'), ok] },
    steps: [call(read(), { verdict: 'fault' }), see({ executions: 1 })],
  },
]
