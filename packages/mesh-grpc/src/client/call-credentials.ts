/** What a program's own credentials for a call add to its headers. */
import type { OutgoingHttpHeaders } from 'node:http2'
import { type CallCredentials, status as Status } from '@grpc/grpc-js'
import { BadMessage } from './message-coding.ts'
import { headersOf, withMore } from './request-headers.ts'

/** The stream for which credentials are asked. */
export interface CredentialsCall {
  readonly path: string
  readonly authority: string
  readonly headers: OutgoingHttpHeaders
}

// gRFC A54: what says something of the call's own content is not for whoever merely brings it on its way. OK is no failure.
const serversOwn: ReadonlySet<number> = new Set([
  Status.OK,
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.ABORTED,
  Status.OUT_OF_RANGE,
  Status.DATA_LOSS,
])

/** The headers of one attempt with those of `credentials`; rejects with a {@link BadMessage}. */
export async function withCredentials(credentials: CallCredentials, call: CredentialsCall): Promise<OutgoingHttpHeaders> {
  const { path, authority, headers } = call
  // The port is no part of what a token is made for; grpc-js leaves it out, too.
  const host = authority.replace(/^([^:]+|\[.*\]):\d+$/, '$1')
  const service = path.slice(0, path.lastIndexOf('/'))
  const added = await generated(credentials, { method_name: path, service_url: `https://${host}${service}` })
  if ('authorization' in added && 'authorization' in headers) {
    throw new BadMessage(Status.INTERNAL, '"authorization" metadata cannot have multiple values')
  }
  return withMore(headers, added)
}

async function generated(
  credentials: CallCredentials,
  call: Parameters<CallCredentials['generateMetadata']>[0],
): Promise<OutgoingHttpHeaders> {
  try {
    return headersOf(await credentials.generateMetadata(call))
  } catch (error) {
    const { code, message = String(error) } = (error ?? {}) as { code?: unknown; message?: string }
    const given = typeof code === 'number' ? code : Status.UNKNOWN
    const details = `Getting metadata from plugin failed with error: ${message}`
    if (!serversOwn.has(given)) throw new BadMessage(given, details)
    throw new BadMessage(Status.INTERNAL, `Invalid status from control plane: ${given} ${Status[given]} ${details}`)
  }
}
