/** Keeps `zerohop-refused` for the mesh: no application can say by accident that it did not start. */
import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { refusedHeader } from '@zerohop/mesh-core/transport'

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

/**
 * From now on what the application says under that name is dropped. A gateway that hands on the head of another server's answer would make
 * its callers repeat what it has done already.
 */
export function keepRefusalWord(response: ServerResponse): void {
  response.writeHead = writeHeadWithout
}

// As an own property, since frameworks replace the prototype of a response; node calls it too, where the application does not.
function writeHeadWithout(this: ServerResponse, status: number, reason?: string | Headers, headers?: Headers): ServerResponse {
  // Below, nobody reads the word.
  if (status < 429) return nodeWriteHead.call(this, status, reason, headers)
  this.removeHeader(refusedHeader)
  if (typeof reason === 'string') return nodeWriteHead.call(this, status, reason, without(headers))
  return nodeWriteHead.call(this, status, without(reason ?? headers))
}

const nodeWriteHead = ServerResponse.prototype.writeHead as (this: ServerResponse, ...args: unknown[]) => ServerResponse

function without(headers: Headers | undefined): Headers | undefined {
  if (headers === undefined) return undefined
  if (!Array.isArray(headers)) return Object.fromEntries(Object.entries(headers).filter(([name]) => !isWord(name)))
  // Pairs, or names and values in turn.
  if (headers.every(Array.isArray)) return (headers as unknown as [string, string][]).filter(([name]) => !isWord(name)) as never
  return headers.filter((_, at) => !isWord(headers[at - (at % 2)]))
}

function isWord(name: unknown): boolean {
  return String(name).toLowerCase() === refusedHeader
}
