/** A server that answers at the address of another one, and can prove to be itself only. */
import { once } from 'node:events'
import { createServer } from 'node:tls'
import type { Mesh } from '@zerohop/mesh-core'
import { partsOf } from '@zerohop/mesh-core/transport'

/** Takes connections with the certificate of a member of the mesh, and counts what it is told. */
export class Impostor {
  /** The SPIFFE ID that it proves. */
  readonly spiffeId: string
  connections = 0
  /** Of requests, beyond the handshake. */
  bytes = 0
  readonly #server: ReturnType<typeof createServer>

  /** @throws Error where the member has no identity */
  constructor(member: Mesh) {
    const identity = partsOf(member).identity?.current
    if (identity === undefined) throw new Error(`${member.service} got no identity: ${member.explain().identity?.problem}`)
    this.spiffeId = identity.spiffeId
    const key = identity.key.export({ type: 'pkcs8', format: 'pem' })
    // It is not choosy about its callers.
    const unchecked = { requestCert: true, rejectUnauthorized: false }
    this.#server = createServer({ key, cert: identity.certificates, minVersion: 'TLSv1.3', ...unchecked }, (socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => {
        this.bytes += chunk.length
      })
    })
    this.#server.on('connection', () => {
      this.connections++
    })
    this.#server.on('tlsClientError', () => {})
  }

  /** Takes the place of a process that has ended. @throws Error where its port is not free */
  async listen(address: string): Promise<void> {
    this.#server.listen(Number(address.split(':')[1]), '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}
