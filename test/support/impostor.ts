/** A server of TLS that shows whatever certificate it was given, to everybody, and keeps what it is told. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'

/** In PEM. */
export interface ShownPapers {
  readonly cert: string
  readonly key: string
}

/** One per test. */
export class Impostor implements AsyncDisposable {
  connections = 0
  /** All that it was told, beyond handshakes. */
  told = ''
  readonly #server: ReturnType<typeof createServer>

  /** @param answer what it says to everything that it is told; '' for nothing */
  constructor(papers: ShownPapers, answer = '') {
    const unchecked = { requestCert: true, rejectUnauthorized: false }
    this.#server = createServer({ ...papers, ...unchecked }, (socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        this.told += chunk.toString('latin1')
        if (answer !== '') socket.end(answer)
      })
    })
    this.#server.on('connection', () => this.connections++)
    this.#server.on('tlsClientError', () => {})
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
  }
}
