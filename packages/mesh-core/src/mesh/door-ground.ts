/** What the door of a server needs of its mesh. */
import type { DoorGround } from '../identity/server-door.ts'
import type { Listed } from '../serving/listed.ts'
import type { MeshParts } from './mesh-face.ts'

/** The ground for the door of the server that `listed` lists. */
export function doorGround(parts: MeshParts, listed: Listed): DoorGround {
  return {
    // Read anew for each connection: whether there is a source of an identity can change.
    get identity() {
      return parts.identity
    },
    mtls: listed.mode,
    clock: parts.clock,
    wheel: parts.wheel,
    peerRefused: (reason, sentence) => parts.peerRefused(reason, sentence),
  }
}
