/** Reads, writes and makes W3C trace context (level 2), and judges a baggage header. */
import { randomFillSync } from 'node:crypto'
import type { TraceContext } from '../kernel/span.ts'

/** A header as Node gives it: absent, one line, or several. */
export type HeaderLines = string | readonly string[] | undefined

/** The `sampled` flag: whoever made the context records its span. */
export const SAMPLED = 1
/** The `random` flag of level 2: the trace id holds enough random bits to sample by. */
export const RANDOM = 2

// version-traceid-parentid-flags, the part that every version has.
const shape = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/
const shapeLength = 55
const noTraceId = '0'.repeat(32)
const noSpanId = '0'.repeat(16)
const knownFlags = SAMPLED | RANDOM

/**
 * The context in a request's `traceparent` and `tracestate`; null where `traceparent` is missing, malformed or given twice.
 * A malformed `tracestate` is dropped alone. Flags that level 2 does not define are cleared.
 */
export function parseTraceContext(traceparents: HeaderLines, tracestates: HeaderLines): TraceContext | null {
  const line = typeof traceparents === 'string' ? traceparents : traceparents?.length === 1 ? traceparents[0] : undefined
  if (line === undefined) return null
  const text = line.length === shapeLength ? line : withoutOuterSpace(line)
  if (!shape.test(text)) return null
  const version = text.slice(0, 2)
  // ff is no version. Version 00 ends with its flags; a later one may go on, after a dash.
  if (version === 'ff' || (text.length > shapeLength && (version === '00' || text[shapeLength] !== '-'))) return null
  const traceId = text.slice(3, 35)
  const spanId = text.slice(36, 52)
  if (traceId === noTraceId || spanId === noSpanId) return null
  const flags = Number.parseInt(text.slice(53, shapeLength), 16) & knownFlags
  return { traceId, spanId, flags, state: tracestates === undefined ? '' : parseTracestate(tracestates) }
}

/** The `traceparent` of a context, in version 00. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-0${context.flags & knownFlags}`
}

/**
 * A context with a span id of its own: in its parent's trace, with its state and flags.
 * Without a parent it begins a trace, unsampled: nobody records its spans, and to claim otherwise would make every service behind it
 * record.
 */
export function childContext(parent: TraceContext | null): TraceContext {
  if (parent === null) return { traceId: newTraceId(), spanId: newSpanId(), flags: RANDOM, state: '' }
  return { traceId: parent.traceId, spanId: newSpanId(), flags: parent.flags, state: parent.state }
}

// 32: the number of members that the standard allows. 8192: what a header may reasonably weigh; the standard asks for 512 at least.
const maxMembers = 32
const maxStateLength = 8192
const keyShape = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/
const valueShape = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/

/**
 * The list in one or more `tracestate` headers, spaces and empty members taken out; '' where any member is malformed or there are too many.
 */
function parseTracestate(tracestates: string | readonly string[]): string {
  const text = typeof tracestates === 'string' ? tracestates : tracestates.join(',')
  if (text === '' || text.length > maxStateLength) return ''
  const members = new Map<string, string>()
  let count = 0
  for (const part of text.split(',')) {
    const member = withoutOuterSpace(part)
    if (member === '') continue
    const equals = member.indexOf('=')
    const key = member.slice(0, equals)
    if (equals < 0 || ++count > maxMembers || !keyShape.test(key) || !valueShape.test(member.slice(equals + 1))) return ''
    // The newest entry stands first: of two with the same key the later one is the stale one.
    if (!members.has(key)) members.set(key, member)
  }
  return [...members.values()].join(',')
}

// 8192 bytes: the least that the standard asks a participant to carry; more is not carried at all.
const maxBaggageLength = 8192
const headerText = /^[\t -~]*$/

/**
 * The `baggage` of a request as text that may be sent on; '' where there is none, or where it is too long or holds what no header may hold.
 */
export function acceptBaggage(lines: HeaderLines): string {
  if (lines === undefined) return ''
  const text = typeof lines === 'string' ? lines : lines.join(',')
  return text.length <= maxBaggageLength && headerText.test(text) ? text : ''
}

function withoutOuterSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

// Drawn in bulk, since a draw costs microseconds whatever its size. 1536 bytes make 64 pairs of ids; an id keeps its batch of text (3 kB)
// alive.
const batch = Buffer.alloc(1536)
let digits = ''
let used = 0

function randomHex(length: number): string {
  if (used + length > digits.length) {
    digits = randomFillSync(batch).toString('hex')
    used = 0
  }
  used += length
  return digits.slice(used - length, used)
}

/** A fresh trace id: 32 lower-case hex digits. */
export function newTraceId(): string {
  return randomHex(32)
}

/** A fresh span id: 16 lower-case hex digits. */
export function newSpanId(): string {
  return randomHex(16)
}
