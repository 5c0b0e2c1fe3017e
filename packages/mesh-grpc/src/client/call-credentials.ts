/** What a program's own credentials for a call add to its headers. */
import type { OutgoingHttpHeaders } from 'node:http2'
import { type CallCredentials, status as Status } from '@grpc/grpc-js'
import { BadMessage } from './message-coding.ts'
import { headersOf } from './request-headers.ts'

/** The stream for which credentials are asked. */
export interface CredentialsCall {
  readonly path: string
  readonly authority: string
  readonly headers: OutgoingHttpHeaders
}

/** The headers of one attempt with those of `credentials`; rejects with a {@link BadMessage}. */
export async function withCredentials(credentials: CallCredentials, call: CredentialsCall): Promise<OutgoingHttpHeaders> {
  const { path, authority, headers } = call
  const at = path.lastIndexOf('/')
  const added = await generated(credentials, { method_name: path.slice(at + 1), service_url: `https://${authority}${path.slice(0, at)}` })
  if ('authorization' in added && 'authorization' in headers) {
    throw new BadMessage(Status.INTERNAL, '"authorization" metadata cannot have multiple values')
  }
  return { ...headers, ...added }
}

async function generated(
  credentials: CallCredentials,
  call: Parameters<CallCredentials['generateMetadata']>[0],
): Promise<OutgoingHttpHeaders> {
  try {
    return headersOf(await credentials.generateMetadata(call))
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: string }
    throw new BadMessage(typeof code === 'number' ? code : Status.UNKNOWN, `Getting metadata from plugin failed with error: ${message}`)
  }
}
