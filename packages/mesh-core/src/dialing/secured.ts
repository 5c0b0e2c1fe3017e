/** Whether the way to an endpoint is secured, as the policy of its service and the endpoint itself say. */
import type { Endpoint } from '../kernel/endpoint.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import type { DialGround } from './dial-ground.ts'

/**
 * True where a connection must be secured. What an endpoint says of itself counts only where this process has a source of an identity; a strict
 * policy counts in any case: then there is no connection without an identity.
 * @param mtls as the policy of the endpoint's service says
 */
export function isSecured(endpoint: Endpoint, mtls: MtlsMode, ground: Pick<DialGround, 'identity'>): boolean {
  if (mtls !== 'permissive') return mtls === 'strict'
  return ground.identity !== null && endpoint.takesMtls
}
