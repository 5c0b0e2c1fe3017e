/** The bottom of the client's stack over sockets: writes one attempt to its endpoint and reads the answer. */
import { bottomSend, type ConnectionsPolicy, type Endpoint, type MeshParts, refusal, type Send } from '@zerohop/mesh-core/transport'
import type { Dispatcher } from 'undici'
import type { Connection } from './connection.ts'
import { type Claimant, Connections } from './connections.ts'
import { type BottomGround, Exchange } from './exchange.ts'
import type { ReplyHeaders } from './http-outcome.ts'
import { OneShotBody } from './one-shot-body.ts'

/** All connections of a mesh, by endpoint: they outlive every policy, and go with their endpoint. */
export class ConnectionTable {
  readonly #parts: MeshParts
  readonly #table = new Map<Endpoint, Connections>()
  /** True once the mesh has closed. */
  closed = false

  constructor(parts: MeshParts) {
    this.#parts = parts
  }

  /** The connections to `endpoint`, under the policy given last. */
  to(endpoint: Endpoint, policy: ConnectionsPolicy): Connections {
    const connections = this.#table.get(endpoint)
    if (connections === undefined) return this.#add(endpoint, policy)
    connections.policy = policy
    return connections
  }

  #add(endpoint: Endpoint, policy: ConnectionsPolicy): Connections {
    const connections = new Connections(endpoint, this.#parts, policy)
    this.#table.set(endpoint, connections)
    endpoint.whenGone({
      retire: () => {
        this.#table.delete(endpoint)
        connections.retire()
      },
    })
    return connections
  }

  /** Endpoints to which there are connections. */
  get size(): number {
    return this.#table.size
  }

  /** Closes all connections at once. */
  async close(): Promise<void> {
    this.closed = true
    const error = Object.assign(new Error('the mesh is closed'), { code: 'ERR_MESH_CLOSED' })
    const all = [...this.#table.values()]
    this.#table.clear()
    for (const connections of all) connections.destroy(error)
  }
}

/** Makes the Send that carries attempts over `table`'s connections. */
export function httpSend(table: ConnectionTable, ground: BottomGround): Send {
  const policy = ground.settings.connections
  return bottomSend((call, give) => {
    // A call that lost its connection to the end of the mesh would try again, and be nobody's.
    if (table.closed) give(refusal(call, 'MESH_CLOSED', ground.parts.clock.now()))
    else new HttpAttempt(call, ground, give).start(table.to(call.endpoint as Endpoint, policy))
  })
}

class HttpAttempt extends Exchange implements Claimant, Dispatcher.DispatchHandler {
  #connections: Connections | null = null
  #connection: Connection | null = null
  #controller: Dispatcher.DispatchController | null = null
  #writtenBefore = 0
  #reused = false
  #answered = false

  get wantsFresh(): boolean {
    return this.call.wantsFreshConnection
  }

  start(connections: Connections): void {
    if (!this.begin()) return
    this.#connections = connections
    const connection = connections.claim(this)
    if (connection !== null) this.granted(connection)
  }

  granted(connection: Connection): void {
    const { call, message } = this
    this.#connections = null
    this.#connection = connection
    this.#reused = connection.served > 0
    const body = message.body
    connection.dispatch(
      {
        method: message.method as Dispatcher.HttpMethod,
        path: message.target.path,
        headers: message.headersAt(call, this.ground.parts.clock.now()),
        body: (body instanceof OneShotBody ? body.open(call) : body) as Dispatcher.DispatchOptions['body'],
        // A DELETE with a body would close its connection otherwise.
        reset: message.method === 'HEAD' ? null : false,
      } as Dispatcher.DispatchOptions,
      this,
    )
  }

  denied(error: Error): void {
    this.#connections = null
    this.lost({ error, written: false, answered: false, reused: false })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // The call ended between the dispatch and this moment: nothing was written, and nothing will be.
    if (this.over) {
      controller.abort(stopped)
      return
    }
    this.#controller = controller
    this.#writtenBefore = (this.#connection as Connection).bytesWritten
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(_controller: Dispatcher.DispatchController, code: number, headers: ReplyHeaders, statusText?: string): void {
    // 103 and its kin announce an answer, and are none.
    if (code >= 200) this.head(code, statusText ?? '', headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunk(chunk)
  }

  onResponseEnd(): void {
    this.#leave()
    this.whole()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const written = this.#controller !== null && this.#connection?.bytesWritten !== this.#writtenBefore
    this.#leave()
    this.lost({ error, written, answered: this.#answered, reused: this.#reused })
  }

  pauseBody(): void {
    this.#controller?.pause()
  }

  resumeBody(): void {
    this.#controller?.resume()
  }

  protected stopWire(): void {
    this.#connections?.withdraw(this)
    this.#connections = null
    // Aborting tells this object of an error, which it no longer hears, and closes the socket.
    this.#controller?.abort(stopped)
  }

  #leave(): void {
    const body = this.message.body
    if (body instanceof OneShotBody) body.stop()
    this.#connection?.release()
    this.#connection = null
    this.#controller = null
  }
}

const stopped = new Error('the attempt is over')
