/** The connections to one endpoint in virtual time, with a server of the mesh at the other end: what the tests of their turnover stand on. */
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { WatchSource } from '@zerohop/mesh-core'
import {
  type FakeClock,
  fakeClock,
  MemoryNetwork,
  type TestAuthority,
  type TestIdentitySource,
  testAuthority,
} from '@zerohop/mesh-core/testing'
import {
  type BottomSettings,
  type Endpoint,
  type MeshParts,
  type MtlsMode,
  mtlsLabel,
  mtlsLabelValue,
  ServerDoor,
  TimerWheel,
} from '@zerohop/mesh-core/transport'
import type { Connection } from './connection.ts'
import { Connections } from './connections.ts'

/** A service that turns nobody away unless a test says so. */
export class TurnoverUnderTest {
  readonly clock: FakeClock = fakeClock()
  readonly authority: TestAuthority = testAuthority()
  readonly source: TestIdentitySource = this.authority.identitySource('shop')
  readonly lines: string[] = []
  readonly parts: MeshParts
  readonly endpoint: Endpoint
  /** The server's ends, in the order in which they came through its door; over TLS with the caller's ID. */
  readonly accepted: { socket: Duplex; caller: string }[] = []
  /** Connections that reached the server's address. */
  arrived = 0
  /** True: whoever comes by TLS is let through the handshake, and dropped. */
  turnsAway = false
  random = 0.5
  readonly connections: Connections

  constructor({
    takesMtls = true,
    mtls = 'permissive',
    connections = {},
    serverNotAfter = Date.now() + 86_400_000,
  }: { takesMtls?: boolean; mtls?: MtlsMode; connections?: object; serverNotAfter?: number } = {}) {
    const network = new MemoryNetwork()
    const address = '10.0.0.1:80'
    const say = (line: string): void => void this.lines.push(line)
    const wheel = new TimerWheel(this.clock)
    this.parts = {
      clock: this.clock,
      wheel,
      random: () => this.random,
      log: { info: say, warn: say, error: say },
      network,
      identity: this.source,
    } as unknown as MeshParts
    this.endpoint = { service: 'inventory', address, host: '10.0.0.1', port: 80, takesMtls, labels: {} } as unknown as Endpoint
    this.connections = new Connections(this.endpoint, this.parts, this.settings(mtls, connections))
    const door = new ServerDoor(
      {
        identity: this.authority.identitySource('inventory', { notAfter: serverNotAfter }),
        mtls: new WatchSource<MtlsMode>('permissive'),
        clock: this.clock,
        wheel,
        peerRefused: (_reason, sentence) => say(sentence),
      },
      {
        onConnection: (socket, { spiffeId }) => {
          socket.on('error', () => {})
          if (this.turnsAway && spiffeId !== '') socket.destroy()
          else this.accepted.push({ socket: socket.resume(), caller: spiffeId })
        },
      },
    )
    network.listen(address, (socket) => {
      this.arrived++
      door.accept(socket)
    })
  }

  settings(mtls: MtlsMode, connections: object = {}): BottomSettings {
    const bounds = { max: 10, idleMs: 4000, connectTimeoutMs: 1000, maxAgeMs: 3_600_000, ...connections }
    return { service: 'inventory', codes: {}, connections: bounds, mtls, stream: null }
  }

  /** What the endpoint says of itself from now on. */
  say(takesMtls: boolean): void {
    Object.assign(this.endpoint, { takesMtls, labels: takesMtls ? { [mtlsLabel]: mtlsLabelValue } : {} })
  }

  /** Claims a connection, and waits for it. */
  async take(): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const free = this.connections.claim({ wantsFresh: false, granted: resolve, denied: reject }, this.clock.now())
    return free ?? promise
  }

  /** Claims several at once, and gives all of them back: so many are free then. */
  async fill(count: number): Promise<Connection[]> {
    const all = await Promise.all(Array.from({ length: count }, () => this.take()))
    for (const connection of all) connection.release()
    await turn()
    return all
  }

  /** Turns time forward, and lets what came of it be done: handshakes take turns of the event loop, and no time. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
    for (let n = 0; n < 40; n++) await turn()
  }
}
