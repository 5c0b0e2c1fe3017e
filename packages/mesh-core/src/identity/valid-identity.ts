/** The identity that may be shown now, and the error of a call that needs one where there is none. */
import type { Identity, IdentitySource } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'

/** Why there is none where nobody was told where to get one, as the end of a sentence. */
export const noSource =
  'it has no source of one: give createMesh a `token` and an `https:` control API that issues certificates, or an `identity`'

/** The newest identity of `source`; null where none has come yet, or where its certificate has expired. */
export function validIdentity(source: IdentitySource | null): Identity | null {
  const identity = source?.current
  return identity === undefined || identity.notAfter <= Date.now() ? null : identity
}

/** NO_IDENTITY: a call to `service` that must be secured, and cannot. */
export function noIdentity(source: IdentitySource | null, service: string): MeshError {
  return MeshError.withoutStack({
    code: 'NO_IDENTITY',
    service,
    message: `${service}: the connection must be secured, but this process has no valid identity to show: ${whyNoIdentity(source)}`,
  })
}

/** Why {@link validIdentity} is null, as the end of a sentence. */
export function whyNoIdentity(source: IdentitySource | null): string {
  if (source === null) return noSource
  const { current, problem } = source
  const state = current === undefined ? 'none has come yet' : `its certificate expired at ${new Date(current.notAfter).toISOString()}`
  return problem === '' ? state : `${state}; ${problem}`
}
