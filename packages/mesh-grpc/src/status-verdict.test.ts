import { status as Status } from '@grpc/grpc-js'
import { verdictName } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { statusName, statusNumber, statusOfHttp, statusVerdict } from './status-verdict.ts'

test('every status has a verdict, and one that gRPC does not define is a fault', () => {
  const table = Object.fromEntries(
    Object.entries(Status)
      .filter(([, code]) => typeof code === 'number')
      .map(([name, code]) => [name, verdictName(statusVerdict(code as number))]),
  )
  expect(table).toEqual({
    OK: 'ok',
    CANCELLED: 'rejected',
    UNKNOWN: 'fault',
    INVALID_ARGUMENT: 'rejected',
    DEADLINE_EXCEEDED: 'fault',
    NOT_FOUND: 'rejected',
    ALREADY_EXISTS: 'rejected',
    PERMISSION_DENIED: 'rejected',
    RESOURCE_EXHAUSTED: 'throttled',
    FAILED_PRECONDITION: 'rejected',
    ABORTED: 'rejected',
    OUT_OF_RANGE: 'rejected',
    UNIMPLEMENTED: 'rejected',
    INTERNAL: 'fault',
    UNAVAILABLE: 'unavailable',
    DATA_LOSS: 'fault',
    UNAUTHENTICATED: 'rejected',
  })
  expect(verdictName(statusVerdict(99))).toBe('fault')
})

test('a status is named by gRPC’s own word, and found by it', () => {
  expect(statusName(Status.UNAVAILABLE)).toBe('UNAVAILABLE')
  expect(statusName(99)).toBe('STATUS_99')
  expect(statusNumber('RESOURCE_EXHAUSTED')).toBe(Status.RESOURCE_EXHAUSTED)
  expect(statusNumber('NO_SUCH')).toBe(Status.UNKNOWN)
})

test('an HTTP status of a policy has the same verdict as the gRPC status that stands for it', () => {
  const seen = [400, 401, 403, 404, 418, 429, 500, 502, 503, 504, 599].map((http) => [http, Status[statusOfHttp(http)]])
  expect(seen).toEqual([
    [400, 'INVALID_ARGUMENT'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [418, 'FAILED_PRECONDITION'],
    [429, 'RESOURCE_EXHAUSTED'],
    [500, 'INTERNAL'],
    [502, 'INTERNAL'],
    [503, 'UNAVAILABLE'],
    [504, 'DEADLINE_EXCEEDED'],
    [599, 'INTERNAL'],
  ])
})
