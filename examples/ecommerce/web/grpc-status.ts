/** What a problem is over gRPC: the one table, for what a service of this shop answers and for what it is answered. */
import { status as Status } from '@grpc/grpc-js'

const statuses = [
  [400, Status.INVALID_ARGUMENT],
  [401, Status.UNAUTHENTICATED],
  [403, Status.PERMISSION_DENIED],
  [404, Status.NOT_FOUND],
  [409, Status.FAILED_PRECONDITION],
  [429, Status.RESOURCE_EXHAUSTED],
  [499, Status.CANCELLED],
  [500, Status.INTERNAL],
  [503, Status.UNAVAILABLE],
  [504, Status.DEADLINE_EXCEEDED],
] as const

const toGrpc: ReadonlyMap<number, Status> = new Map(statuses)
const toHttp: ReadonlyMap<Status, number> = new Map(statuses.map(([http, grpc]) => [grpc, http]))

/** The status with which a problem is answered. */
export function grpcStatusOf(httpStatus: number): Status {
  return toGrpc.get(httpStatus) ?? Status.INTERNAL
}

/** The status of the problem that another service's answer is. */
export function problemStatusOf(grpcStatus: Status): number {
  return toHttp.get(grpcStatus) ?? 500
}
