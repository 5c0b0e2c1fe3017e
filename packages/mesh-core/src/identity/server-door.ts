/** The door of a server: tells plaintext from TLS by the first byte, and lets nobody in by TLS who is not a member of the mesh. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Duplex } from 'node:stream'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { callerAddress } from '../kernel/caller-address.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Identity, type IdentitySource, type MtlsMode, type Peer, stranger } from '../kernel/identity.ts'
import { Alarm, type TimerWheel } from '../kernel/timer-wheel.ts'
import type { Watch } from '../kernel/watch.ts'
import { checkPeer } from './peer-check.ts'
import { peerProved } from './proved-peers.ts'
import { tlsOptions } from './tls-options.ts'
import { validIdentity, whyNoIdentity } from './valid-identity.ts'

/** What a door needs of its mesh, whose parts fit. All of it is read anew for each connection. */
export interface DoorGround {
  /** null: everything is plaintext. */
  readonly identity: IdentitySource | null
  readonly mtls: Watch<MtlsMode>
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Told of everybody who was turned away: a word, and a sentence. */
  peerRefused(reason: string, sentence: string): void
}

/** What a connection was made of. */
export interface Entrance {
  /** The socket that was accepted: the same as the connection itself over plaintext, the one below it over TLS. */
  readonly raw: Duplex
  /** What this end has shown; null over plaintext. */
  readonly identity: Identity | null
}

/** What a wire says of its door. */
export interface DoorOptions {
  /** The protocols that the server speaks, for a client that asks (ALPN), such as `h2`. Default: none is named. */
  readonly alpn?: readonly string[]
  /**
   * Takes over a connection that is open: the raw socket for plaintext, with not a byte of it missing, in `strict` mode, too; else its
   * TLSSocket, with the peer that was proved.
   */
  onConnection(socket: Duplex, peer: Peer, entrance: Entrance): void
}

// From the first byte awaited to the end of the handshake. A handshake is two round trips; whoever needs longer is holding the socket, not using it.
const longestKnockMs = 10_000
// The type of the record in which a TLS handshake begins (RFC 8446, 5.1). It is no character that an HTTP request or preface could begin with.
const handshakeRecord = 0x16

/** One per server; it gets every socket that the listener accepts, before anybody has read from it. */
export class ServerDoor {
  readonly #ground: DoorGround
  readonly #options: DoorOptions
  readonly #knocks = new Set<Knock>()
  // A server of node tells of a secured socket, and not of the one that it was made from: the context in which it was made does.
  readonly #handshaking = new AsyncLocalStorage<Knock>()
  #server: Server | null = null
  #shown: Identity | null = null
  #isClosed = false

  constructor(ground: DoorGround, options: DoorOptions) {
    this.#ground = ground
    this.#options = options
  }

  /** Sockets that are neither handed over nor turned away. */
  get waiting(): number {
    return this.#knocks.size
  }

  /** A socket has come. It is handed over before this returns where everything is plaintext. */
  accept(socket: Duplex): void {
    const { identity, mtls, clock, wheel } = this.#ground
    if (this.#isClosed) return void socket.destroy()
    if (identity === null || mtls.current === 'disabled')
      return this.#options.onConnection(socket, stranger, { raw: socket, identity: null })
    const knock = new Knock(socket, this)
    this.#knocks.add(knock)
    const now = clock.now()
    wheel.set(knock, now + longestKnockMs, now)
    knock.await()
  }

  /** Turns away whoever is still waiting; what was handed over is the server's. */
  close(): void {
    this.#isClosed = true
    for (const knock of [...this.#knocks]) knock.socket.destroy()
  }

  /** The first bytes of `knock` are there, and back in its socket. */
  opened(knock: Knock, firstByte: number): void {
    if (firstByte === handshakeRecord) return this.#secure(knock)
    this.left(knock)
    knock.release()
    this.#options.onConnection(knock.socket, stranger, { raw: knock.socket, identity: null })
  }

  /** `knock` waits no longer. */
  left(knock: Knock): void {
    knock.clear()
    this.#knocks.delete(knock)
  }

  /** The time of `knock` is up. */
  late(knock: Knock): void {
    // Who has said nothing was not turned away: a load balancer that looks whether the port is open is no caller.
    if (knock.identity === null) return void knock.socket.destroy()
    this.#refuse(knock, 'handshake_timeout', `it did not come to the end of the TLS handshake within ${longestKnockMs} ms`)
  }

  #secure(knock: Knock): void {
    const { identity: source } = this.#ground
    const identity = validIdentity(source)
    if (identity === null) {
      return this.#refuse(knock, 'no_identity', `this process has no valid identity to show: ${whyNoIdentity(source)}`)
    }
    knock.identity = identity
    // As node's own servers of TLS have it: with the other way, whoever ends in the middle of a handshake would be waited for.
    knock.socket.allowHalfOpen = false
    let server: Server
    try {
      server = this.#serverShowing(identity)
    } catch (error) {
      return this.#refuse(knock, 'no_identity', `the certificate of this process cannot be used: ${(error as Error).message}`)
    }
    this.#handshaking.run(knock, () => server.emit('connection', knock.socket))
  }

  // Handshakes under way end with the certificate that they began with.
  #serverShowing(identity: Identity): Server {
    if (this.#server !== null && this.#shown === identity) return this.#server
    const { certificates, key, bundle } = identity
    const options = tlsOptions({ certificates, key, roots: bundle.roots })
    if (this.#server === null) this.#server = this.#newServer(options)
    else this.#server.setSecureContext(options)
    this.#shown = identity
    return this.#server
  }

  #newServer(options: ReturnType<typeof tlsOptions>): Server {
    const { alpn } = this.#options
    // Peers that do not pass are turned away below, where it can be said why: node itself would just close the connection.
    const server = createServer({
      ...options,
      requestCert: true,
      rejectUnauthorized: false,
      // A function, and no list: of a list node gives every connection a copy, and each copy keeps a slab of 64 kB of its pool of buffers.
      ...(alpn === undefined
        ? {}
        : { ALPNCallback: ({ protocols }: { protocols: string[] }) => alpn.find((protocol) => protocols.includes(protocol)) }),
    })
    server.on('secureConnection', (secured: TLSSocket) => this.#secured(secured, this.#handshaking.getStore()))
    server.on('tlsClientError', (error: Error, secured: TLSSocket) => this.#failed(error, secured, this.#handshaking.getStore()))
    return server
  }

  #secured(secured: TLSSocket, knock: Knock | undefined): void {
    if (knock === undefined || knock.identity === null) return void secured.destroy()
    const chainProblem = secured.authorized ? '' : String(secured.authorizationError)
    const leaf = secured.getPeerX509Certificate()?.raw
    const read = checkPeer({ leaf, chainProblem }, knock.identity.bundle.trustDomain)
    if (!read.ok) return this.#refuse(knock, read.flaw, read.problem)
    this.left(knock)
    peerProved(secured, read.peer)
    this.#options.onConnection(secured, read.peer, { raw: knock.socket, identity: knock.identity })
  }

  #failed(error: Error, secured: TLSSocket, knock: Knock | undefined): void {
    const { code, reason } = error as NodeJS.ErrnoException & { reason?: string }
    // Whoever left of his own accord was not turned away, and who was turned away is told of once.
    if (knock === undefined || !this.#knocks.has(knock) || code === 'ECONNRESET') return void secured.destroy()
    this.#refuse(knock, 'handshake_failed', `the TLS handshake failed: ${reason ?? error.message}`)
  }

  #refuse(knock: Knock, reason: string, problem: string): void {
    this.left(knock)
    const address = callerAddress(knock.socket)
    this.#ground.peerRefused(reason, address === '' ? problem : `${problem}, from ${address}`)
    knock.socket.destroy()
  }
}

/** A socket from its arrival until it is known who is there. */
class Knock extends Alarm {
  readonly socket: Duplex
  /** Under which the handshake began; null until it has. */
  identity: Identity | null = null
  readonly #door: ServerDoor

  constructor(socket: Duplex, door: ServerDoor) {
    super(null)
    this.socket = socket
    this.#door = door
  }

  override ring(): void {
    this.#door.late(this)
  }

  await(): void {
    // Whatever becomes of the socket meanwhile ends in 'close'.
    this.socket.on('error', ignore)
    this.socket.on('close', this.#close)
    this.socket.on('end', this.#end)
    this.socket.on('readable', this.#readable)
  }

  /** Leaves no listener on the socket. */
  release(): void {
    this.socket.off('error', ignore)
    this.socket.off('close', this.#close)
  }

  readonly #readable = (): void => {
    const head = this.socket.read() as Buffer | null
    if (head === null) return
    this.socket.off('readable', this.#readable)
    this.socket.off('end', this.#end)
    this.socket.unshift(head)
    this.#door.opened(this, head[0] as number)
  }

  readonly #end = (): void => void this.socket.destroy()

  readonly #close = (): void => this.#door.left(this)
}

function ignore(): void {}
