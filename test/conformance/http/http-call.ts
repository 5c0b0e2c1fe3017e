/** Makes the calls of cases with fetch. */

import type { Mesh } from '@zerohop/mesh-core'
import { type MeshFetch, meshFetch } from '@zerohop/mesh-http'
import type { CallSpec } from '../case.ts'
import { answered, type Ended, failed, host, nothingCame } from '../seen.ts'
import type { Caller } from '../wire.ts'
import { requestOf, wordOf } from './http-words.ts'

/** Calls of `mesh`. */
export function httpCaller(mesh: Mesh): Caller {
  const fetch = meshFetch(mesh)
  return (spec, signal) => callBy(fetch, spec, signal)
}

async function callBy(fetch: MeshFetch, spec: CallSpec, signal: AbortSignal): Promise<Ended> {
  let response: Response
  try {
    response = await fetch(`http://${host}/`, requestOf(spec, signal))
  } catch (error) {
    return failed(nothingCame, error, causeOf(error))
  }
  const { headers } = response
  const status = String(response.status)
  let body = ''
  try {
    const text = new TextDecoder()
    for await (const chunk of response.body ?? []) body += text.decode(chunk, { stream: true })
  } catch (error) {
    return failed({ gets: 'broken answer', status, headers, body }, error, causeOf(error))
  }
  return answered({ status, headers, body }, wordOf(status))
}

function causeOf(error: unknown): unknown {
  return (error as { cause?: unknown } | null)?.cause
}
