/** The bottom of the client's stack over sockets: writes one attempt to its endpoint and reads the answer. */
import { bottomSend, type ConnectionTable, type Endpoint, refusal, type Send } from '@zerohop/mesh-core/transport'
import type { Dispatcher } from 'undici'
import type { Connection } from './connection.ts'
import type { Claimant, Connections } from './connections.ts'
import { Exchange } from './exchange.ts'
import type { ReplyHeaders } from './http-outcome.ts'
import type { BottomGround } from './http-reply.ts'
import { OneShotBody } from './one-shot-body.ts'

/** Makes the Send that carries attempts over `table`'s connections. */
export function httpSend(table: ConnectionTable<Connections>, ground: BottomGround): Send {
  return bottomSend((call, give) => {
    // A call that lost its connection to the end of the mesh would try again, and be nobody's.
    if (table.closed) give(refusal(call, 'MESH_CLOSED', ground.parts.clock.now()))
    else new HttpAttempt(call, ground, give).start(table.to(call.endpoint as Endpoint, ground.settings))
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
    const connection = connections.claim(this, this.heardAt)
    if (connection !== null) this.granted(connection)
  }

  granted(connection: Connection): void {
    const { call, message } = this
    this.#connections = null
    this.#connection = connection
    this.#reused = connection.served > 0
    const body = message.body
    const { clock, leastLeft } = this.ground.parts
    const now = clock.now()
    leastLeft.saw(connection.made.expiry.leftMs(now))
    connection.dispatch(
      {
        method: message.method as Dispatcher.HttpMethod,
        path: message.target.path,
        headers: message.headersAt(call, now),
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
    const isFirst = this.#connection !== null && this.#connection.made.identity !== null && !this.#reused
    this.#leave()
    this.lost({
      error: isFirst && written && !this.#answered ? perhapsTurnedAway(error) : error,
      written,
      answered: this.#answered,
      reused: this.#reused,
    })
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

// The server looks at our certificate when the handshake is over for us (TLS 1.3): being turned away looks like any other loss.
function perhapsTurnedAway(error: Error): Error {
  return new Error(`${error.message}; the connection was new: the server may have refused the certificate of this process`, {
    cause: error,
  })
}
