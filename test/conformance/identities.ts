/** Who the meshes and the visitors of cases prove to be, all of one trust domain. */
import { testAuthority } from '@zerohop/mesh-core/testing'
import type { Identity, IdentitySource } from '@zerohop/mesh-core/transport'
import type { Visitor } from './case.ts'

const authority = testAuthority()

/** The option by which a mesh proves to be `service`; nobody where that is ''. */
export function provingToBe(service: string): { readonly identity: IdentitySource | false } {
  return { identity: service === '' ? false : authority.identitySource(service) }
}

/** What a visitor proves; null where it comes in plaintext. */
export function identityOf({ as }: Visitor): Identity | null {
  if (as === '') return null
  return as.startsWith('spiffe://') ? authority.identityOf('visitor', { uris: [as] }) : authority.identityOf(as)
}
