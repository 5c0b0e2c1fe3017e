/** One watcher of `bench control`: a poll on a socket of its own, whose answers are parsed and checked like a client's. */
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { type ControlDocument, type EndpointRecord, hashOfEndpoints, schemaLevel } from '@zerohop/mesh-core/policy'
import type { Identity } from '@zerohop/mesh-core/transport'

/** Who watches what. */
export interface WatcherOptions {
  readonly port: number
  readonly token: string
  /** By which it speaks mutual TLS instead of showing the token; null: in plaintext. */
  readonly identity: Identity | null
  readonly instance: string
  readonly uses: readonly string[]
  /** The address to connect to; several, so that there are ports enough. */
  readonly host: string
  /** Called with each document that was parsed and whose hashes fit. */
  readonly onDocument: (watcher: Watcher, document: ControlDocument) => void
}

/** Polls for ever. */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #hashes = new Map<string, string>()
  #socket: Socket | null = null
  #received: Buffer[] = []
  #length = 0
  #version = ''

  constructor(options: WatcherOptions) {
    this.#options = options
  }

  /** Connects, takes the first document, and stays. */
  async start(): Promise<void> {
    const socket = await this.#connected()
    this.#socket = socket
    socket.on('data', (chunk) => this.#take(chunk))
    // A connection that ends spoils the measurement: the process that holds it must fail.
    socket.on('close', () => {
      if (this.#socket !== null) throw new Error(`the connection of ${this.#options.instance} ended`)
    })
    this.#poll()
  }

  async #connected(): Promise<Socket> {
    const { port, host, identity } = this.#options
    // The certificate of the control API has no names for each of the addresses.
    const secured = { servername: 'localhost', minVersion: 'TLSv1.3' } as const
    const socket =
      identity === null ? connect({ port, host }) : connectSecurely({ port, host, secureContext: identity.context, ...secured })
    socket.setNoDelay(true)
    await new Promise<void>((resolve, reject) =>
      socket.once(identity === null ? 'connect' : 'secureConnect', resolve).once('error', reject),
    )
    return socket
  }

  stop(): void {
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
  }

  #poll(): void {
    const { instance, uses, token, identity } = this.#options
    const after = this.#version === '' ? '' : `&after=${this.#version}`
    const query = `instance=${instance}&schema=${schemaLevel}&sdk=0.1.0&wait=5m&uses=${uses.join(',')}${after}`
    const bearer = identity === null ? `authorization: Bearer ${token}\r\n` : ''
    this.#socket?.write(`GET /v1/documents/watcher?${query} HTTP/1.1\r\nhost: control\r\n${bearer}accept-encoding: gzip\r\n\r\n`)
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#length += chunk.length
    const all = this.#received.length === 1 ? chunk : Buffer.concat(this.#received, this.#length)
    const bodyAt = all.indexOf('\r\n\r\n') + 4
    if (bodyAt < 4) return
    const head = all.toString('latin1', 0, bodyAt).toLowerCase()
    const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0)
    if (all.length < bodyAt + length) return
    this.#received = []
    this.#length = 0
    if (!head.startsWith('http/1.1 200')) throw new Error(`${this.#options.instance} was answered: ${all.toString()}`)
    const body = all.subarray(bodyAt)
    this.#adopt(JSON.parse((head.includes('content-encoding: gzip') ? gunzipSync(body) : body).toString()) as ControlDocument)
    this.#poll()
  }

  #adopt(document: ControlDocument): void {
    for (const [name, { hash }] of Object.entries(document.policies)) this.#hashes.set(`policy/${name}`, hash)
    for (const [name, section] of Object.entries(document.endpoints)) {
      if (!('full' in section)) throw new Error('the bench has no lists that are long enough for a delta')
      this.#hashes.set(`endpoints/${name}`, hashOfEndpoints(section.full as EndpointRecord[]))
    }
    if (document.trust !== undefined) this.#hashes.set('trust', document.trust.hash)
    for (const [section, hash] of Object.entries(document.sections)) {
      if (this.#hashes.get(section) !== hash) throw new Error(`${this.#options.instance}: the hash of ${section} does not fit`)
    }
    this.#version = document.version
    this.#options.onDocument(this, document)
  }
}
