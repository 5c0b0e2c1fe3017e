/** The identities of `pnpm bench wire --mtls`: those of the mesh, and the same trust for contestants that are none of it. */
import { connect as connectSocket } from 'node:net'
import { type TestIdentitySource, testAuthority } from '@zerohop/mesh-core/testing'
import { secureClient } from '@zerohop/mesh-core/transport'
import { Agent, buildConnector } from 'undici'

const handshakes = 400
const handshakesInFlight = 8

/** A certificate with its key and the root, in PEM. */
export interface ServerPems {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** One trust domain with a caller and a server. */
export class WireIdentity {
  readonly source: TestIdentitySource
  /** What the server is told. */
  readonly server: ServerPems
  readonly #authority = testAuthority()

  constructor() {
    this.source = this.#authority.identitySource('bench')
    const leaf = this.#authority.issue('target', { dns: ['target'] })
    this.server = { cert: leaf.pem, key: leaf.keyPem, ca: this.#authority.root.pem }
  }

  /** undici as one would set it up by hand for the same: TLS 1.3, both certificates checked, the server's SPIFFE ID compared. */
  agent(connections: number): Agent {
    const { context } = this.#authority.identityOf('bench')
    const expected = `URI:${this.#authority.identityOf('bench').idOf('target')}`
    const connect = buildConnector({
      secureContext: context,
      servername: 'target',
      maxCachedSessions: 0,
      allowH2: false,
      checkServerIdentity: (_host: string, { subjectaltname = '' }: { subjectaltname?: string }) =>
        subjectaltname.split(', ').includes(expected) ? undefined : new Error('somebody else'),
    } as never)
    return new Agent({ connections, allowH2: false, connect })
  }

  /** Another certificate, made beforehand: what making a key costs is not the wire's. */
  renewal(): () => void {
    const next = this.#authority.identityOf('bench')
    return () => void this.source.turn(next)
  }

  /** New connections by the mesh's own client: how many this process makes in a second, and what one costs it. */
  async measureHandshakes(port: number): Promise<{ perSecond: number; cpuUs: number }> {
    let begun = 0
    const lane = async (): Promise<void> => {
      while (begun < handshakes) {
        begun++
        await this.#handshake(port)
      }
    }
    await this.#handshake(port)
    const cpuBefore = process.cpuUsage()
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: handshakesInFlight }, lane))
    const tookMs = performance.now() - startedAt
    const cpu = process.cpuUsage(cpuBefore)
    return { perSecond: Math.round((handshakes * 1000) / tookMs), cpuUs: Math.round((cpu.user + cpu.system) / handshakes) }
  }

  #handshake(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const identity = this.source.current
    if (identity === undefined) throw new TypeError('the bench has its own identity')
    const socket = secureClient(connectSocket({ port, host: '127.0.0.1', noDelay: true }), identity, 'target')
    socket.once('error', reject).once('secureConnect', () => {
      socket.destroy()
      resolve()
    })
    return promise
  }
}
