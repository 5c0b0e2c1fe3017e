/** A server as its program holds it, whatever it speaks: it listens, is listed, says whether it is ready, and goes with its mesh. */
import type { Duplex } from 'node:stream'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Network } from '../kernel/network.ts'
import { advertisedAddress } from './advertised-address.ts'
import type { Attendance } from './attendance.ts'
import { Departure, type LeavingServer } from './departure.ts'
import { endOnSignal } from './ending-signals.ts'
import { Listed, type ListedGround } from './listed.ts'
import { Listener } from './listener.ts'
import { Readiness } from './readiness.ts'
import type { ServerSettings } from './server-options.ts'

/** What it needs of its mesh, whose parts fit. */
export interface StandingGround extends ListedGround {
  readonly service: string
  readonly clock: Clock
  readonly log: Log
  readonly network: Network | null
  readonly closing: boolean
  readonly unready: string
  closeWith(thing: { close(graceMs: number): Promise<void> }, order: 'server'): void
}

/** What a wire does for its server. */
export interface ServingWire {
  /** How many connections there are. */
  readonly attendance: Attendance
  /** True where a caller that has ended its side must still be answered, as HTTP/1 wants it. */
  readonly halfOpen: boolean
  /** Gets every connection, before anything of it has been read. */
  accept(socket: Duplex): void
  /** From now on callers are told to go. */
  turnAway(): void
  /** Ceases to listen, by `stopListening`, and closes every connection that is not in use. */
  shut(stopListening: () => Promise<void>): Promise<void>
  /** Cuts every connection, and each that still comes. */
  cut(): void
  /** Nobody is left. */
  gone(): void
}

/** One per server. */
export class StandingServer implements LeavingServer {
  readonly listed: Listed
  /** For health checks, which say no from when callers are told to go. */
  readonly readiness: Readiness
  readonly #ground: StandingGround
  readonly #settings: ServerSettings
  readonly #listener: Listener
  readonly #departure: Departure
  #stopFollowing: () => void = () => {}

  constructor(ground: StandingGround, settings: ServerSettings, wire: ServingWire) {
    this.#ground = ground
    this.#settings = settings
    const { service, clock, log, network } = ground
    const { port, host, readiness } = settings
    this.listed = new Listed(ground)
    const accept = (socket: Duplex): void => wire.accept(socket)
    this.#listener = new Listener({ service, port, host, network, log, halfOpen: wire.halfOpen, accept })
    this.#departure = new Departure({
      clock,
      attendance: wire.attendance,
      release: () => this.listed.release(),
      turnAway: () => wire.turnAway(),
      shut: () => wire.shut(() => this.#listener.stop()),
      cut: () => wire.cut(),
      gone: () => {
        wire.gone()
        this.#stopFollowing()
      },
    })
    const unready = (): string => (this.#departure.hasBegun ? 'draining' : ground.unready)
    this.readiness = new Readiness({ readiness, unready, clock })
  }

  get address(): string {
    return this.#listener.address
  }

  get port(): number {
    return this.#listener.port
  }

  /**
   * Resolves once it listens, and is on its way to every list.
   * @throws node's own error where the address cannot be had
   */
  async listen(): Promise<void> {
    await this.#listener.listen()
    const { labels, zone, weight, advertise } = this.#settings.listing
    if (!this.#ground.closing) this.listed.list({ address: advertisedAddress(advertise, this.address), labels, zone, weight })
    this.#ground.closeWith({ close: (graceMs) => this.close({ graceMs }) }, 'server')
  }

  /** SIGTERM and SIGINT close `mesh`, and with it this server. */
  endWith(mesh: { close(options: { graceMs: number }): Promise<void> }): void {
    this.#stopFollowing = endOnSignal({ close: () => mesh.close({ graceMs: this.#settings.graceMs }) })
  }

  drain(): void {
    this.#departure.drain()
  }

  close({ graceMs = this.#settings.graceMs }: { graceMs?: number } = {}): Promise<void> {
    return this.#departure.close(graceMs)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
