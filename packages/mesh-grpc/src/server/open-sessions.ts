/** The connections of a server: who is at the other end of each, until when it may take calls, and when the last one has gone. */
import type { Http2Session, ServerHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import {
  Attendance,
  type Caller,
  type Clock,
  callerAddress,
  type Entrance,
  type Expiry,
  expiryOf,
  type Peer,
  type Random,
  type Timer,
} from '@zerohop/mesh-core/transport'

// A client says its settings with its first packet; whoever needs longer than this for it is holding the connection, not using it.
const settingsMs = 15_000
// gRPC's own keepalive time on servers is two hours, in which a caller that has vanished holds its places. A minute, and the 20 s of gRPC's
// own keepalive timeout.
const pingEveryMs = 60_000
const pongMs = 20_000
// A caller that is told this long before its certificate ends is elsewhere when it does.
const expiryLeadMs = 10_000
const expiryLeadShare = 0.1
// Callers who are members of the mesh leave by themselves after the age of the policy and a tenth at most. Spread, as gRFC A9 has it:
// connections that were made together must not end together.
const leastAge = 1.1
const mostAge = 1.3

/** What a connection was made of. */
export interface SessionTerms {
  readonly peer: Peer
  readonly entrance: Entrance
  /** How long connections may take calls, in ms, as the policy says; Infinity: no bound. */
  readonly maxAgeMs: number
}

/** One connection. */
export class OpenSession {
  /** Who is at the other end; null over plaintext. */
  readonly caller: Caller | null
  /** The address at the other end, without its port; '' where there is none. */
  readonly from: string
  readonly #session: ServerHttp2Session
  readonly #raw: Duplex
  readonly #clock: Clock
  readonly #expiry: Expiry
  readonly #timers: Timer[] = []
  #keepalive: Timer | null = null

  constructor(session: ServerHttp2Session, terms: SessionTerms, { clock, random }: { clock: Clock; random: Random }) {
    this.#session = session
    this.#clock = clock
    const { peer, entrance, maxAgeMs } = terms
    const { raw, identity } = entrance
    this.#raw = raw
    this.from = callerAddress(raw)
    this.caller = identity === null ? null : { service: identity.serviceOf(peer.spiffeId), spiffeId: peer.spiffeId }
    this.#expiry = expiryOf(identity, peer, clock.now())
    const leftMs = this.#expiry.leftMs(clock.now())
    const silent = clock.setTimer(settingsMs, () => this.cut())
    session.once('remoteSettings', () => silent.cancel())
    this.#timers.push(silent)
    const ageMs = maxAgeMs * (leastAge + (mostAge - leastAge) * random())
    const lifeMs = Math.min(ageMs, leftMs - Math.min(expiryLeadMs, leftMs * expiryLeadShare))
    if (lifeMs !== Number.POSITIVE_INFINITY) this.#timers.push(clock.setTimer(Math.max(0, lifeMs), () => this.leave()))
    this.#ping()
    session.once('close', () => {
      this.#keepalive?.cancel()
      for (const timer of this.#timers) timer.cancel()
    })
  }

  /** True once a certificate of either side has ended: no call begins any more. */
  get isExpired(): boolean {
    return this.#expiry.leftMs(this.#clock.now()) <= 0
  }

  /**
   * Says GOAWAY: calls under way go on, and the connection ends with the last of them. Calls that were on their way here are refused by it in
   * a manner that every client of gRPC may try again.
   */
  leave(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close()
  }

  /** Cuts the connection. */
  cut(): void {
    this.#session.destroy()
    // A session that was told to end waits for its peer's end even so, and one who has vanished never says it.
    this.#raw.destroy()
  }

  #ping(): void {
    this.#keepalive = this.#clock.setTimer(pingEveryMs, () => {
      if (this.#session.destroyed) return
      this.#keepalive = this.#clock.setTimer(pongMs, () => this.cut())
      this.#session.ping(() => {
        this.#keepalive?.cancel()
        if (!this.#session.destroyed) this.#ping()
      })
    })
  }
}

/** All connections of one server, those included that are still shaking hands. */
export class OpenSessions {
  readonly attendance: Attendance
  readonly #ground: { readonly clock: Clock; readonly random: Random }
  readonly #sockets = new Set<Duplex>()
  readonly #sessions = new Map<ServerHttp2Session, OpenSession>()
  #cut = false

  constructor(ground: { readonly clock: Clock; readonly random: Random }) {
    this.#ground = ground
    this.attendance = new Attendance(ground.clock)
  }

  /** Follows a connection to its end; false where it came too late and is cut. */
  take(socket: Duplex): boolean {
    if (this.#cut) {
      socket.destroy()
      return false
    }
    this.attendance.arrive()
    this.#sockets.add(socket)
    socket.once('close', () => {
      if (this.#sockets.delete(socket)) this.attendance.leave()
    })
    return true
  }

  /** A connection has become a session. */
  add(session: ServerHttp2Session, terms: SessionTerms): void {
    // grpc-js listens for the end of a session alone, and an error that nobody listens for ends the process.
    session.on('error', () => {})
    this.#sessions.set(session, new OpenSession(session, terms, this.#ground))
    session.once('close', () => this.#sessions.delete(session))
  }

  /** The connection of a stream's session; undefined where it has gone. */
  of(session: Http2Session | undefined): OpenSession | undefined {
    return session === undefined ? undefined : this.#sessions.get(session as ServerHttp2Session)
  }

  /** Says GOAWAY to everybody who is here now. */
  leaveAll(): void {
    for (const session of [...this.#sessions.values()]) session.leave()
  }

  /** Cuts every connection, and each that still comes. */
  destroyAll(): void {
    this.#cut = true
    this.attendance.endQuiet()
    for (const session of [...this.#sessions.values()]) session.cut()
    for (const socket of [...this.#sockets]) socket.destroy()
  }
}
