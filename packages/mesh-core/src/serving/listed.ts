/** A server as registries list it: with the label for mutual TLS from when it takes it, and without it before it ceases to. */
import type { Clock, Timer } from '../kernel/clock.ts'
import type { EndpointInfo } from '../kernel/discovery.ts'
import { type IdentitySource, type MtlsMode, mtlsLabel, mtlsLabelValue } from '../kernel/identity.ts'
import type { Registered } from '../kernel/registrar.ts'
import { type Watch, WatchSource } from '../kernel/watch.ts'

/** What it needs of its mesh, whose parts fit. */
export interface ListedGround {
  readonly identity: IdentitySource | null
  readonly mtls: Watch<MtlsMode>
  readonly clock: Clock
  register(server: EndpointInfo): Registered | null
}

// What callers may take to hear of it once the registry does; they hear of policies by the same way.
const hearsayMs = 10_000

/** One per server. */
export class Listed {
  readonly #ground: ListedGround
  readonly #mode: WatchSource<MtlsMode>
  #unfollow: readonly (() => void)[] = []
  #server: EndpointInfo | null = null
  #registered: Registered | null = null
  #saysMtls = false
  #ceasing: Timer | null = null
  #isReleased = false

  constructor(ground: ListedGround) {
    this.#ground = ground
    this.#mode = new WatchSource(ground.mtls.current)
  }

  /** How the server's door must take connections: as the policy says, but that it takes mutual TLS until callers have heard of the end of it. */
  get mode(): Watch<MtlsMode> {
    return this.#mode
  }

  /** Lists the server, whose labels are all but the one of this, and follows what is to be said of it until it is released. */
  list(server: EndpointInfo): void {
    const { mtls, identity } = this.#ground
    if (mtls.current !== undefined && mtls.current !== this.#mode.current) this.#mode.set(mtls.current)
    this.#unfollow = [mtls.subscribe((mode) => this.#turn(mode)), identity?.subscribe(() => void this.#tell()) ?? (() => {})]
    this.#server = server
    this.#saysMtls = this.#takesMtls
    this.#registered = this.#ground.register(this.#said(server))
  }

  /** Takes it off every list, as `Registered` does; null where it stands on none. */
  release(): Promise<void> | null {
    this.#isReleased = true
    this.#ceasing?.cancel()
    for (const stop of this.#unfollow) stop()
    return this.#registered?.release() ?? null
  }

  // Once it has had an identity, it says so even when that has expired: callers must fail then, and not fall back to plaintext.
  get #takesMtls(): boolean {
    const { identity, mtls } = this.#ground
    return mtls.current !== 'disabled' && identity?.current !== undefined
  }

  #said(server: EndpointInfo): EndpointInfo {
    return this.#saysMtls ? { ...server, labels: { ...server.labels, [mtlsLabel]: mtlsLabelValue } } : server
  }

  #turn(mode: MtlsMode): void {
    this.#ceasing?.cancel()
    this.#ceasing = null
    // First it takes mutual TLS, then it says so; the other way round where it ceases to.
    if (mode !== 'disabled') this.#mode.set(mode)
    void this.#tell().then(() => {
      if (mode === 'disabled' && this.#ground.mtls.current === 'disabled') this.#cease()
    })
  }

  #cease(): void {
    if (this.#isReleased || this.#mode.current === 'disabled') return
    this.#ceasing?.cancel()
    this.#ceasing = this.#ground.clock.setTimer(hearsayMs, () => this.#mode.set('disabled'))
  }

  /** Resolves once the lists say how the server takes connections. */
  async #tell(): Promise<void> {
    const server = this.#server
    if (server === null || this.#isReleased || this.#saysMtls === this.#takesMtls) return
    this.#saysMtls = this.#takesMtls
    await this.#registered?.relist(this.#said(server))
  }
}
