/** What a gRPC status says about a call: the one table, for what this process receives and for what it answers. */
import { status as Status } from '@grpc/grpc-js'
import { FAULT, OK, REJECTED, THROTTLED, UNAVAILABLE, type Verdict } from '@zerohop/mesh-core/transport'

// As Linkerd classifies responses: the server's own failures. UNIMPLEMENTED and CANCELLED are not among them, for it is the caller who
// asked for what is not there, or who left; nor is ABORTED, which tells the caller to begin again further up.
const faults: ReadonlySet<number> = new Set([Status.UNKNOWN, Status.DEADLINE_EXCEEDED, Status.INTERNAL, Status.DATA_LOSS])

/** The verdict of a status, where no policy says otherwise; a number that gRPC does not define counts as UNKNOWN, as its specification asks. */
export function statusVerdict(code: number): Verdict {
  if (code === Status.OK) return OK
  if (code === Status.UNAVAILABLE) return UNAVAILABLE
  if (code === Status.RESOURCE_EXHAUSTED) return THROTTLED
  return faults.has(code) || Status[code] === undefined ? FAULT : REJECTED
}

/** The name of a status, as metrics and messages show it. */
export function statusName(code: number): string {
  return Status[code] ?? `STATUS_${code}`
}

/** The number of a status by its name, as `errorTable` writes it. */
export function statusNumber(name: string): number {
  return Status[name as keyof typeof Status] ?? Status.UNKNOWN
}

// The mapping of google.rpc.Code, read from right to left. 502 is not UNAVAILABLE: over HTTP, too, a bad gateway is a fault, and is not tried
// again by itself.
const ofHttp: Readonly<Record<number, number>> = {
  400: Status.INVALID_ARGUMENT,
  401: Status.UNAUTHENTICATED,
  403: Status.PERMISSION_DENIED,
  404: Status.NOT_FOUND,
  409: Status.ABORTED,
  429: Status.RESOURCE_EXHAUSTED,
  499: Status.CANCELLED,
  501: Status.UNIMPLEMENTED,
  503: Status.UNAVAILABLE,
  504: Status.DEADLINE_EXCEEDED,
}

/** The status that stands for an HTTP status of a policy: how the same document injects the same fault over both wires. */
export function statusOfHttp(http: number): number {
  return ofHttp[http] ?? (http >= 500 ? Status.INTERNAL : Status.FAILED_PRECONDITION)
}
