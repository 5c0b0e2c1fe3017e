/** The way to an endpoint: in plaintext or secured, as the policy of its service and the endpoint itself say. */
import type { Endpoint, MeshParts, MtlsMode } from '@zerohop/mesh-core/transport'

/** Which endpoint, from which mesh. */
export interface Way {
  readonly endpoint: Endpoint
  readonly parts: MeshParts
}

/**
 * True where a connection must be secured. What an endpoint says of itself counts only where this process has a source of an identity; a strict
 * policy counts in any case: then there is no connection without an identity.
 */
export function isSecured({ endpoint, parts }: Way, mtls: MtlsMode): boolean {
  if (mtls !== 'permissive') return mtls === 'strict'
  return parts.identity !== null && endpoint.takesMtls
}
