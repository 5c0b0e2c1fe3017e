/** A server door on a loopback port, for tests: it echoes what it lets in, and remembers whom it let in and turned away. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '../kernel/clock.ts'
import type { Identity, IdentitySource, MtlsMode, Peer } from '../kernel/identity.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { WatchSource } from '../kernel/watch.ts'
import { secureClient } from './secure-client.ts'
import { type DoorOptions, ServerDoor } from './server-door.ts'

/** What a test asks of its door. */
export interface DoorSetting {
  readonly identity: IdentitySource | null
  /** Default `permissive`. */
  readonly mtls?: MtlsMode
  readonly alpn?: readonly string[]
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Default: echoes. */
  readonly onConnection?: DoorOptions['onConnection']
}

/** Listens until it is disposed of. */
export async function doorUnderTest(setting: DoorSetting) {
  const clock = setting.clock ?? systemClock
  const wheel = new TimerWheel(clock)
  const mtls = new WatchSource<MtlsMode>(setting.mtls ?? 'permissive')
  const refused: string[] = []
  const sentences: string[] = []
  const peers: Peer[] = []
  const sockets: Duplex[] = []
  const turned = Promise.withResolvers<string>()
  const ground = {
    identity: setting.identity,
    mtls,
    clock,
    wheel,
    peerRefused: (reason: string, sentence: string) => {
      refused.push(reason)
      sentences.push(sentence)
      turned.resolve(sentence)
    },
  }
  const echo: DoorOptions['onConnection'] = (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  }
  const door = new ServerDoor(ground, {
    ...(setting.alpn === undefined ? {} : { alpn: setting.alpn }),
    onConnection: (socket, peer, entrance) => {
      peers.push(peer)
      sockets.push(socket)
      const take = setting.onConnection ?? echo
      take(socket, peer, entrance)
    },
  })
  const listener = createServer({ allowHalfOpen: true }, (socket) => door.accept(socket))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const dialled: Socket[] = []
  const dial = (): Socket => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    dialled.push(socket)
    return socket
  }
  return {
    door,
    wheel,
    mtls,
    port,
    /** Reasons, in their order. */
    refused,
    sentences,
    /** Resolves with the sentence about the first who is turned away. */
    firstRefusal: turned.promise,
    peers,
    sockets,
    /** A new connection in plaintext. */
    dial,
    /** A new connection of `identity` to `service`. */
    secure: (identity: Identity, service: string): TLSSocket => secureClient(dial(), identity, service),
    [Symbol.asyncDispose]: async () => {
      door.close()
      for (const socket of [...dialled, ...sockets]) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** What comes back from an echo: as many characters as were sent. */
export async function echoOf(socket: Duplex, text: string): Promise<string> {
  let answer = ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString()
    if (answer.length >= text.length) resolve(answer)
  })
  socket.once('close', () => reject(new Error('the connection was lost')))
  socket.once('error', reject)
  socket.write(text)
  return promise
}
