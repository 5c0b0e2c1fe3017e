/** All that the mesh keeps for one endpoint: its connections by the options of the programs that use them. */
import type { BottomSettings, Endpoint, EndpointConnections, MeshParts } from '@zerohop/mesh-core/transport'
import { Channels } from './channels.ts'
import type { WireOptions } from './wire-options.ts'

export class EndpointChannels implements EndpointConnections {
  settings: BottomSettings
  readonly #endpoint: Endpoint
  readonly #parts: MeshParts
  readonly #byOptions = new Map<WireOptions, Channels>()
  #isRetired = false

  constructor(endpoint: Endpoint, parts: MeshParts, settings: BottomSettings) {
    this.#endpoint = endpoint
    this.#parts = parts
    this.settings = settings
  }

  /** The connections for programs with these options, under the settings given last. */
  of(options: WireOptions): Channels {
    const known = this.#byOptions.get(options)
    if (known === undefined) return this.#add(options)
    known.settings = this.settings
    return known
  }

  renew(delayMs: number): void {
    for (const channels of this.#byOptions.values()) channels.renew(delayMs)
  }

  retire(): void {
    this.#isRetired = true
    for (const channels of this.#byOptions.values()) channels.retire()
  }

  destroy(reason: Error): void {
    for (const channels of this.#byOptions.values()) channels.destroy(reason)
  }

  #add(options: WireOptions): Channels {
    const channels = new Channels({ endpoint: this.#endpoint, parts: this.#parts, options }, this.settings)
    this.#byOptions.set(options, channels)
    if (this.#isRetired) channels.retire()
    return channels
  }
}
