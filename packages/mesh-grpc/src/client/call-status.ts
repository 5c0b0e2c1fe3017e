/** The status of a call that the mesh answers itself, for want of a server's. */
import { Metadata, type StatusObject } from '@grpc/grpc-js'
import { type Call, callError, errorTable, MeshError, type Outcome } from '@zerohop/mesh-core/transport'
import { statusNumber } from '../status-verdict.ts'

/** A status whose `cause` becomes that of the error which a client of grpc-js makes of it. */
export interface MeshStatus extends StatusObject {
  readonly cause: MeshError
}

/** The status for an outcome without a reply. */
export function statusOfOutcome(call: Call, outcome: Outcome, seen: { revision: string; now: number }): MeshStatus {
  return statusOfError(callError(call, outcome, seen))
}

/** The status for an error of the mesh. */
export function statusOfError(error: MeshError): MeshStatus {
  return { code: statusNumber(errorTable[error.code].grpc), details: error.message, metadata: new Metadata(), cause: error }
}

/** NOT_REGISTERED: nobody knows a service of that name, and a bare name is no address to which a call could go all the same. */
export function unknownService(service: string): MeshError {
  return MeshError.withoutStack({
    code: 'NOT_REGISTERED',
    service,
    message: `${service}: ${errorTable.NOT_REGISTERED.sentence}, and neither discovery nor a policy knows one`,
  })
}
