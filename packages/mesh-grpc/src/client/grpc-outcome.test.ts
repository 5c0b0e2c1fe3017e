import { Metadata, status as Status } from '@grpc/grpc-js'
import { type Verdict, verdictName } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { metadataOf } from './bytes-client-under-test.ts'
import { meaningOfEnd, pushbackMs, StatusVerdicts } from './grpc-outcome.ts'
import { type StreamEnd, streamEnd } from './inner-channel.ts'

const none = new Metadata()
const table = new StatusVerdicts({})

describe('the verdict of a status', () => {
  test.each([
    ['as the table has it', {}, Status.ABORTED, 'rejected'],
    ['as a policy names it', { ABORTED: 'unavailable' }, Status.ABORTED, 'unavailable'],
    ['as a policy has it for the status of HTTP that means the same', { '503': 'fault' }, Status.UNAVAILABLE, 'fault'],
    ['where a policy says both, as it names it', { UNAVAILABLE: 'ok', '503': 'fault' }, Status.UNAVAILABLE, 'ok'],
    ['where a policy says both in the other order, too', { '503': 'fault', UNAVAILABLE: 'ok' }, Status.UNAVAILABLE, 'ok'],
    ['untouched by what a policy says of others', { '500': 'rejected' }, Status.UNKNOWN, 'fault'],
  ] as const)('is %s', (_name, codes, code, expected) => {
    expect(verdictName(new StatusVerdicts(codes).of(code, none))).toBe(expected)
  })

  test.each([
    [Status.UNAVAILABLE, 'unreached'],
    [Status.RESOURCE_EXHAUSTED, 'unreached'],
    [Status.DEADLINE_EXCEEDED, 'unreached'],
    [Status.PERMISSION_DENIED, 'rejected'],
    [Status.UNAUTHENTICATED, 'rejected'],
    [Status.INVALID_ARGUMENT, 'rejected'],
    [Status.OK, 'ok'],
  ])('%i with the word of a mesh that refused above its handler', (code, expected) => {
    expect(verdictName(table.of(code, metadataOf({ 'zerohop-refused': 'limit' })))).toBe(expected)
  })
})

describe('the end of a stream', () => {
  const ends: [string, { code: number; details: string; rstCode?: number }, boolean, StreamEnd, string][] = [
    ['a status of the server', { code: Status.NOT_FOUND, details: 'no' }, false, 'answered', 'rejected'],
    ['REFUSED_STREAM', { code: Status.UNAVAILABLE, details: 'Stream refused by server', rstCode: 7 }, false, 'refused', 'unreached'],
    [
      'a status in the words of REFUSED_STREAM',
      { code: Status.UNAVAILABLE, details: 'Stream refused by server' },
      false,
      'answered',
      'unavailable',
    ],
    ['a connection that dropped', { code: Status.UNAVAILABLE, details: 'Connection dropped' }, true, 'lost', 'broken'],
    ['a connection that was reset', { code: Status.UNAVAILABLE, details: 'read ECONNRESET', rstCode: 2 }, true, 'lost', 'broken'],
    ['a stream that ended with its connection', { code: Status.CANCELLED, details: 'Call cancelled', rstCode: 8 }, true, 'lost', 'broken'],
    ['a stream that the server cut off', { code: Status.CANCELLED, details: 'Call cancelled', rstCode: 8 }, false, 'cut', 'broken'],
    ['a stream without a status', { code: Status.INTERNAL, details: 'Call ended without gRPC status', rstCode: 0 }, false, 'cut', 'broken'],
    [
      'a server that asks for calm',
      { code: Status.RESOURCE_EXHAUSTED, details: 'Bandwidth exhausted', rstCode: 11 },
      true,
      'cut',
      'throttled',
    ],
    [
      'an answer that is too large',
      { code: Status.RESOURCE_EXHAUSTED, details: 'Received message larger than max (2 vs 1)' },
      false,
      'own',
      'rejected',
    ],
  ]

  test.each(ends)('by %s', (_name, status, isGone, expected, verdict) => {
    const whole = { ...status, metadata: none }
    expect(streamEnd(whole, isGone)).toBe(expected)
    expect(verdictName(meaningOfEnd(expected, whole, table).verdict as Verdict)).toBe(verdict)
  })
})

test.each([
  [undefined, -1],
  ['0', 0],
  ['250', 250],
  ['-1', Number.POSITIVE_INFINITY],
  ['soon', Number.POSITIVE_INFINITY],
  ['1.5', Number.POSITIVE_INFINITY],
  ['99999999999999999999', Number.POSITIVE_INFINITY],
])('a pushback of %s means %d ms', (text, expected) => {
  expect(pushbackMs(text === undefined ? none : metadataOf({ 'grpc-retry-pushback-ms': text }))).toBe(expected)
})
