/** What the mesh asks of a registry in which its servers are to be listed. */
import type { EndpointInfo } from './discovery.ts'

/** A server that a registry lists. */
export interface Registered {
  /**
   * Says anew what the server is: its labels, its weight; the address stays. Resolves once the registry lists it so, however long the registry
   * is away, or when the server was released meanwhile. Never rejects.
   */
  relist(server: EndpointInfo): Promise<void>
  /** Takes it off the list; resolves when that is done, after a second at the latest. Called before the server drains. Never rejects. */
  release(): Promise<void>
}

/** A registry of a program's own choice, beside the control API. */
export interface Registrar {
  /** Lists a server of `service` until it is released: registered anew whenever the registry has lost it. Must neither throw nor wait. */
  register(service: string, server: EndpointInfo): Registered
}
