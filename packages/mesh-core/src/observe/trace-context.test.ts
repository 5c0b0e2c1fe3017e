/** Trace context and baggage are read strictly, and the W3C vectors hold. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import type { TraceContext } from '../kernel/span.ts'
import { acceptBaggage, childContext, formatTraceparent, newSpanId, newTraceId, parseTraceContext, RANDOM } from './trace-context.ts'

const traceId = '12345678901234567890123456789012'
const spanId = '1234567890123456'
const traceparent = `00-${traceId}-${spanId}-01`

function stateOf(tracestates: string | string[]): string {
  return (parseTraceContext(traceparent, tracestates) as TraceContext).state
}

describe('a traceparent', () => {
  it('is read and written without loss', () => {
    const context = parseTraceContext(traceparent, undefined)
    expect(context).toEqual({ traceId, spanId, flags: 1, state: '' })
    expect(formatTraceparent(context as TraceContext)).toBe(traceparent)
  })

  it('is refused when it came twice, as two lines or joined by the parser', () => {
    expect(parseTraceContext([traceparent, traceparent], undefined)).toBeNull()
    expect(parseTraceContext(`${traceparent}, ${traceparent}`, undefined)).toBeNull()
    expect(parseTraceContext([traceparent], undefined)).not.toBeNull()
    expect(parseTraceContext([], undefined)).toBeNull()
  })

  it('loses the flags that level 2 does not know, and a later version its number', () => {
    const context = parseTraceContext(`cc-${traceId}-${spanId}-ff-more`, undefined) as TraceContext
    expect(formatTraceparent(context)).toBe(`00-${traceId}-${spanId}-03`)
  })

  it.each([
    ['upper case', traceparent.toUpperCase().replace('00-', 'AA-')],
    ['a line break within', `00-${traceId}-${spanId}\n-01`],
    ['a line break behind', `${traceparent}\n`],
    ['nothing', ''],
    ['a megabyte of blanks', ' '.repeat(1 << 20)],
    ['version 00 with more behind it', `${traceparent}-more`],
  ])('is refused with %s', (_, text) => {
    expect(parseTraceContext(text, undefined)).toBeNull()
  })
})

describe('a tracestate', () => {
  it('keeps its order, without blanks and empty members, over several lines', () => {
    expect(stateOf(['a=1 , b=2,', '', '\tc= 3'])).toBe('a=1,b=2,c= 3')
  })

  it('keeps the first of two members with one key, which is the newer one', () => {
    expect(stateOf('a=1,b=2,a=3')).toBe('a=1,b=2')
  })

  it.each([
    ['a member without a value', 'a=1,b='],
    ['a member without a key', 'a=1,=2'],
    ['a member that is none', 'a=1,b'],
    ['a key of 257 characters', `a=1,${'k'.repeat(257)}=1`],
    ['a value of 257 characters', `a=1,b=${'v'.repeat(257)}`],
    ['a line break', 'a=1,b=x\r\ninjected: yes'],
    ['33 members', Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(',')],
    ['33 members with one key', Array.from({ length: 33 }, () => 'k=1').join(',')],
    ['more than 8192 characters', `${'a=1,'.repeat(2)}${' '.repeat(8192)}`],
  ])('is dropped with %s, and the trace goes on', (_, text) => {
    expect(parseTraceContext(traceparent, text)).toEqual({ traceId, spanId, flags: 1, state: '' })
  })
})

describe('a child', () => {
  it('has its own span id, and its parent’s trace, flags and state', () => {
    const parent: TraceContext = { traceId, spanId, flags: 3, state: 'a=1' }
    const child = childContext(parent)
    expect(child).toEqual({ ...parent, spanId: child.spanId })
    expect(child.spanId).not.toBe(spanId)
  })

  it('without a parent begins an unsampled trace with a random id', () => {
    const root = childContext(null)
    expect(root.flags).toBe(RANDOM)
    expect(parseTraceContext(formatTraceparent(root), undefined)).toEqual(root)
  })

  it('never repeats an id, also where one batch of random bytes ends', () => {
    const ids = new Set<string>()
    for (let n = 0; n < 5000; n++) {
      const trace = newTraceId()
      const span = newSpanId()
      expect(trace).toMatch(/^[0-9a-f]{32}$/)
      expect(span).toMatch(/^[0-9a-f]{16}$/)
      ids.add(trace).add(span)
    }
    expect(ids.size).toBe(10_000)
  })
})

describe('baggage', () => {
  it('is carried as it came, lines joined', () => {
    expect(acceptBaggage('user=7;p=1, region = eu')).toBe('user=7;p=1, region = eu')
    expect(acceptBaggage(['a=1', 'b=2'])).toBe('a=1,b=2')
    expect(acceptBaggage(undefined)).toBe('')
    expect(acceptBaggage('x'.repeat(8192))).toHaveLength(8192)
  })

  it.each([
    ['8193 bytes', 'x'.repeat(8193)],
    ['a carriage return', 'a=1\r'],
    ['a line feed', 'a=1\nhost: evil'],
    ['a NUL', 'a=\0'],
    ['a letter beyond ASCII', 'a=ü'],
  ])('is dropped with %s', (_, text) => {
    expect(acceptBaggage(text)).toBe('')
  })
})

interface VectorRequest {
  readonly headers: readonly (readonly [string, string])[]
  readonly outgoingCalls?: number
  readonly expect: readonly Record<string, unknown>[]
}

interface Vector {
  readonly id: string
  readonly requests: readonly VectorRequest[]
}

const casesDir = process.env.CASES_DIR

if (casesDir === undefined) {
  test.skip('the W3C vectors: set CASES_DIR to the folder of vectors to run them', () => {})
} else {
  const file = join(casesDir, 'trace-context', 'w3c-tests.json')
  const vectors = (JSON.parse(readFileSync(file, 'utf8')) as { tests: Vector[] }).tests
  describe('the W3C vectors', () => {
    it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', (_, vector) => {
      const firsts: Sent[] = []
      for (const request of vector.requests) {
        const sent = serve(request)
        firsts.push(sent[0] as Sent)
        for (const claim of request.expect) {
          for (const [name, wanted] of Object.entries(claim)) check(name, wanted, { sent, firsts })
        }
      }
    })
  })
}

interface Sent {
  readonly traceparent: string
  readonly tracestate: string
}

/** A service that receives the request and makes its calls. */
function serve(request: VectorRequest): Sent[] {
  const lines = (name: string): string[] => request.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
  const received = parseTraceContext(lines('traceparent'), lines('tracestate')) ?? childContext(null)
  return Array.from({ length: request.outgoingCalls ?? 1 }, () => {
    const child = childContext(received)
    return { traceparent: formatTraceparent(child), tracestate: child.state }
  })
}

function members(sent: Sent): Map<string, string> {
  const list = sent.tracestate === '' ? [] : sent.tracestate.split(',')
  return new Map(list.map((member) => [member.slice(0, member.indexOf('=')), member.slice(member.indexOf('=') + 1)]))
}

const ids = (sent: Sent): { trace: string; parent: string; flags: number } => {
  const [, trace = '', parent = '', flags = ''] = sent.traceparent.split('-')
  return { trace, parent, flags: Number.parseInt(flags, 16) }
}

function check(name: string, wanted: unknown, seen: { sent: readonly Sent[]; firsts: readonly Sent[] }): void {
  const first = seen.sent[0] as Sent
  const { trace, parent, flags } = ids(first)
  const traces = seen.sent.map((one) => ids(one).trace)
  const list = first.tracestate.split(',')
  const checks: Record<string, () => void> = {
    validTraceparent: () => {
      expect(first.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
      expect(trace).not.toMatch(/^0+$/)
      expect(parent).not.toMatch(/^0+$/)
    },
    traceId: () => expect(trace).toBe(wanted),
    traceIdNot: () => expect(trace).not.toBe(wanted),
    parentIdNot: () => expect(parent).not.toBe(wanted),
    flagsBitSet: () => expect(flags & (wanted as number)).toBe(wanted),
    tracestate: () => expect(Object.fromEntries(members(first))).toMatchObject(wanted as object),
    tracestateHasKey: () => expect([...members(first).keys()]).toContain(wanted),
    tracestateLacksKey: () => expect([...members(first).keys()]).not.toContain(wanted),
    tracestateContains: () => expect(list).toContain(wanted),
    tracestateContainsOneOf: () => expect(list.some((member) => (wanted as string[]).includes(member))).toBe(true),
    tracestateOrder: () => expect(list.filter((member) => (wanted as string[]).includes(member))).toEqual(wanted),
    tracestateLength: () => expect(members(first).size).toBe(wanted),
    tracestateLengthSameAsSibling: () => expect(new Set(seen.firsts.map((one) => members(one).size)).size).toBe(1),
    allOutgoing: () => expect(new Set(traces)).toEqual(new Set([(wanted as { traceId: string }).traceId])),
    noneOutgoing: () => expect(traces).not.toContain((wanted as { traceId: string }).traceId),
    distinctParentIds: () => expect(new Set(seen.sent.map((one) => ids(one).parent)).size).toBe(wanted),
  }
  const run = checks[name]
  if (run === undefined) throw new Error(`the vectors claim ${name}, which this test does not know`)
  run()
}
