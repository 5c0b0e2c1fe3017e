/** What becomes of a request to a host that the mesh does not know: whether it is a service is asked, and waited for, within bounds. */
import { parseDuration } from '@zerohop/mesh-core/policy'
import { currentAmbient, type MeshParts } from '@zerohop/mesh-core/transport'
import type { MeshRequestInit } from './fetch-request.ts'

/** A request that knows no destination yet. */
export interface Stranger {
  readonly host: string
  readonly input: string | URL | Request
  readonly init: MeshRequestInit | undefined
  readonly startedAt: number
}

/**
 * Resolves when it is worth asking for the destination again; null where nothing will be known soon. Rejects with the reason of the
 * request's signal.
 */
export function acquaintance(parts: MeshParts, stranger: Stranger): Promise<void> | null {
  const inquiry = parts.inquire(stranger.host, patienceMs(stranger))
  if (inquiry === null) return null
  const signal = stranger.init?.signal ?? (stranger.input instanceof Request ? stranger.input.signal : null)
  return signal === null ? inquiry : unlessAborted(inquiry, signal)
}

/** The time that the call has: its own, and what its caller has left. */
function patienceMs({ init, startedAt }: Stranger): number {
  const own = init?.mesh?.timeout
  // A timeout that is wrong is told when the request is read.
  const ownMs = typeof own === 'number' || typeof own === 'string' ? (parseDuration(own) ?? 0) : Number.POSITIVE_INFINITY
  const ambient = currentAmbient()
  return Math.min(ownMs, ambient?.bindsAt(startedAt) ? ambient.deadlineAt - startedAt : Number.POSITIVE_INFINITY)
}

function unlessAborted(inquiry: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    inquiry.then(() => {
      signal.removeEventListener('abort', leave)
      resolve()
    })
  })
}
