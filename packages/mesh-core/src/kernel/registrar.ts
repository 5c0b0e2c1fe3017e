/** What the mesh asks of a registry in which its servers are to be listed. */
import type { EndpointInfo } from './discovery.ts'

/** A server that a registry lists. */
export interface Registered {
  /** Takes it off the list; resolves when that is done, after a second at the latest. Called before the server drains. Never rejects. */
  release(): Promise<void>
}

/** A registry of a program's own choice, beside the control API. */
export interface Registrar {
  /** Lists a server of `service` until it is released: registered anew whenever the registry has lost it. Must neither throw nor wait. */
  register(service: string, server: EndpointInfo): Registered
}
