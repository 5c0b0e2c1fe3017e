/** How a server says to the mesh of its caller that a request was refused above its handler, and may go elsewhere. */
import type { ErrorCode } from './mesh-error.ts'

/** The header, over gRPC the trailer, under which the word stands. */
export const refusedHeader = 'zerohop-refused'

// Codes that are not here are no refusals: their handler ran, or must be believed to have run, or nobody else would take the caller either.
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  LIMIT_FULL: 'limit',
  LIMIT_WAITED: 'limit',
  RATE_LIMITED: 'rate',
  EXPIRED: 'expired',
  NO_POLICY: 'policy',
  MESH_CLOSED: 'closed',
  CONNECTION_EXPIRED: 'connection',
}

/** The word for a layer's refusal; '' for what must pass for an answer of the service, as an injected fault must. */
export function refusalWord(code: ErrorCode): string {
  return words[code] ?? ''
}
