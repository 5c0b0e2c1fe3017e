/** What the W3C vectors for trace context claim of the requests that a service sends on. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

/** One request of a vector: what the service receives, and what is claimed of what it then sends. */
export interface VectorRequest {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly outgoingCalls?: number
  readonly expect: readonly Readonly<Record<string, unknown>>[]
}

/** One vector; its requests follow each other. */
export interface Vector {
  readonly id: string
  readonly requests: readonly VectorRequest[]
}

/** Reads the vectors below the folder that `CASES_DIR` names. */
export function readVectors(casesDir: string): readonly Vector[] {
  return (JSON.parse(readFileSync(join(casesDir, 'trace-context', 'w3c-tests.json'), 'utf8')) as { tests: Vector[] }).tests
}

/** The trace context of one request as it left. */
export class SentTrace {
  readonly traceparent: string
  readonly trace: string
  readonly parent: string
  readonly flags: number
  readonly members: readonly string[]

  constructor(traceparents: readonly string[], tracestates: readonly string[]) {
    expect(traceparents, 'lines of traceparent').toHaveLength(1)
    this.traceparent = traceparents[0] as string
    const [, trace = '', parent = '', flags = ''] = this.traceparent.split('-')
    this.trace = trace
    this.parent = parent
    this.flags = Number.parseInt(flags, 16)
    this.members = tracestates.flatMap((line) => line.split(',')).filter((member) => member !== '')
  }

  get keys(): string[] {
    return this.members.map((member) => member.slice(0, member.indexOf('=')))
  }

  valueOf(key: string): string | undefined {
    return this.members.find((member) => member.startsWith(`${key}=`))?.slice(key.length + 1)
  }
}

type Claim = (sent: readonly SentTrace[], wanted: never, siblings: readonly SentTrace[]) => void

const one = (sent: readonly SentTrace[]): SentTrace => sent[0] as SentTrace

const claims: Readonly<Record<string, Claim>> = {
  validTraceparent: (sent) => {
    expect(one(sent).traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/)
  },
  traceId: (sent, wanted) => expect(one(sent).trace).toBe(wanted),
  traceIdNot: (sent, wanted) => expect(one(sent).trace).not.toBe(wanted),
  parentIdNot: (sent, wanted) => expect(one(sent).parent).not.toBe(wanted),
  flagsBitSet: (sent, wanted: number) => expect(one(sent).flags & wanted).toBe(wanted),
  tracestate: (sent, wanted: Record<string, string>) => {
    for (const [key, value] of Object.entries(wanted)) expect(one(sent).valueOf(key)).toBe(value)
  },
  tracestateHasKey: (sent, wanted) => expect(one(sent).keys).toContain(wanted),
  tracestateLacksKey: (sent, wanted) => expect(one(sent).keys).not.toContain(wanted),
  tracestateContains: (sent, wanted) => expect(one(sent).members).toContain(wanted),
  tracestateContainsOneOf: (sent, wanted: string[]) => expect(wanted.some((member) => one(sent).members.includes(member))).toBe(true),
  tracestateOrder: (sent, wanted: string[]) => expect(one(sent).members.filter((member) => wanted.includes(member))).toEqual(wanted),
  tracestateLength: (sent, wanted) => expect(one(sent).members).toHaveLength(wanted),
  tracestateLengthSameAsSibling: (_sent, _wanted, siblings) => expect(new Set(siblings.map(({ members }) => members.length)).size).toBe(1),
  allOutgoing: (sent, { traceId }: { traceId: string }) => expect(sent.map(({ trace }) => trace)).toEqual(sent.map(() => traceId)),
  noneOutgoing: (sent, { traceId }: { traceId: string }) => expect(sent.map(({ trace }) => trace)).not.toContain(traceId),
  distinctParentIds: (sent, wanted) => expect(new Set(sent.map(({ parent }) => parent)).size).toBe(wanted),
}

/** Checks everything that is claimed of a request. `siblings` are the first sent of each request of the vector so far. */
export function checkClaims(request: VectorRequest, sent: readonly SentTrace[], siblings: readonly SentTrace[]): void {
  expect(sent).toHaveLength(request.outgoingCalls ?? 1)
  for (const [name, wanted] of request.expect.flatMap((claim) => Object.entries(claim))) {
    const check = claims[name]
    if (check === undefined) throw new Error(`a vector claims "${name}", which is not known here`)
    check(sent, wanted as never, siblings)
  }
}
