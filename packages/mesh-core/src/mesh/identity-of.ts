/** Where a mesh gets its identity from, as its options say. */
import type { IdentitySource } from '../kernel/identity.ts'
import type { MeshOptions } from './mesh-options.ts'

/** The source; null where there is none, and where the mesh is turned off. */
export function identityOf({ identity }: MeshOptions): IdentitySource | null {
  if (identity === undefined || identity === false || process.env.MESH_DISABLE === '1') return null
  return identity
}
