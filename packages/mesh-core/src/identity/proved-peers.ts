/** Who is at the other end of a socket, remembered from the handshake in which it was proved. */
import { type Peer, stranger } from '../kernel/identity.ts'

// By the socket, and not read from its certificate again: only what passed the whole check stands here.
const peers = new WeakMap<object, Peer>()

/** The handshake of `socket` has proved who `peer` is. */
export function peerProved(socket: object, peer: Peer): void {
  peers.set(socket, peer)
}

/** Who was proved to be at the other end of a socket of `secureClient` or of a `ServerDoor`; the stranger where nobody was. */
export function peerOf(socket: object): Peer {
  return peers.get(socket) ?? stranger
}
