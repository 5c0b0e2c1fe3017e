/** The bottom of the client's stack in a test without sockets: hands an attempt to a handler as a function call. */
import type { IncomingHttpHeaders } from 'node:http2'
import { Metadata, type status as Status } from '@grpc/grpc-js'
import { BROKEN, bottomSend, type Endpoint, type Network, type Send, type Timer, UNREACHED } from '@zerohop/mesh-core/transport'
import { IncomingMessages } from '../incoming-messages.ts'
import { bytesOf, type GrpcRequest, metadataOf, ScriptedGrpcReply } from '../reply.ts'
import { Exchange } from './exchange.ts'
import type { AuthContext, BottomGround } from './grpc-reply.ts'

/** Makes the Send that carries attempts to the handlers of `network`. */
export function memorySend(network: Network, ground: BottomGround): Send {
  return bottomSend((call, give) => new MemoryAttempt(call, ground, give).start(network))
}

class MemoryAttempt extends Exchange {
  readonly #leaving = new AbortController()
  readonly #messages = new IncomingMessages()
  #metadata: Metadata | null = null
  #pause: { timer: Timer; end: () => void } | null = null
  // How many messages the caller has room for, and whoever waits until it has.
  #room = 0
  #whenRoom: (() => void) | null = null

  start(network: Network): void {
    if (!this.begin()) return
    this.#metadata = Metadata.fromHttp2Headers({
      ...this.message.headersAt(this.call, this.ground.parts.clock.now()),
    } as IncomingHttpHeaders)
    const { address } = this.call.endpoint as Endpoint
    if (!network.isUp(address)) {
      this.lost(UNREACHED, {
        error: Object.assign(new Error(`nobody answers at ${address}`), { code: 'ECONNREFUSED' }),
        code: '',
        refused: false,
      })
      return
    }
    this.exchangeMessages()
    void this.#run(network, address)
  }

  writeMessage(message: Buffer, _flags: number | undefined, written: () => void): void {
    this.#messages.push(message)
    process.nextTick(() => {
      this.tellWritten()
      written()
    })
  }

  endMessages(): void {
    this.#messages.end()
  }

  authContext(): AuthContext | null {
    return null
  }

  protected readWire(): void {
    this.#room++
    this.#tellRoom()
  }

  protected stopWire(): void {
    this.#messages.end()
    this.#leaving.abort()
    this.#pause?.timer.cancel()
    this.#pause?.end()
    this.#tellRoom()
  }

  async #run(network: Network, address: string): Promise<void> {
    try {
      if (!this.#messages.hasBegun) await this.#messages.begun()
      if (this.over) return
      const answer = await network.deliver(address, this.#request(), this.#leaving.signal)
      if (this.over) return
      if (answer instanceof ScriptedGrpcReply) await this.#play(answer)
      else throw new TypeError(`${this.call.service}: a scripted service must return a grpcReply(…), not ${typeof answer}`)
    } catch (error) {
      const refused = (error as { code?: unknown } | null)?.code === 'ECONNREFUSED'
      this.lost(refused ? UNREACHED : BROKEN, {
        error: error instanceof Error ? error : new Error(String(error)),
        code: '',
        refused: false,
      })
    }
    // Whoever still reads hears the end.
    this.#messages.end()
  }

  #request(): GrpcRequest {
    const { call } = this
    return {
      path: call.path,
      method: call.method,
      metadata: this.#metadata as Metadata,
      timeoutMs: call.deadlineAt - this.ground.parts.clock.now(),
      message: this.#messages.first,
      messages: this.#messages,
      signal: this.#leaving.signal,
    }
  }

  async #play(script: ScriptedGrpcReply): Promise<void> {
    const { code, details, trailers, head, ending } = script
    if (ending === 'never') return
    if (script.delayMs > 0) await this.#wait(script.delayMs)
    if (this.over) return
    if (ending === 'broken-head') throw reset()
    if (head !== null) this.tellMetadata(metadataOf(head))
    let isFirst = head === null
    for await (const step of script.steps) {
      if (typeof step === 'number') await this.#wait(step)
      else {
        if (isFirst) this.tellMetadata(metadataOf({}))
        isFirst = false
        await this.#send(bytesOf(step))
      }
      if (this.over) return
    }
    if (ending === 'broken-body') throw reset()
    this.tellEnd({ code: code as Status, details, metadata: metadataOf(trailers) }, 'answered')
  }

  async #send(message: Buffer): Promise<void> {
    while (this.#room === 0 && !this.over) {
      await new Promise<void>((resolve) => {
        this.#whenRoom = resolve
      })
    }
    if (this.over) return
    this.#room--
    this.tellMessage(message)
  }

  #wait(ms: number): Promise<void> {
    return new Promise((end) => {
      this.#pause = { timer: this.ground.parts.clock.setTimer(ms, end), end }
    })
  }

  #tellRoom(): void {
    const tell = this.#whenRoom
    this.#whenRoom = null
    tell?.()
  }
}

function reset(): Error {
  return Object.assign(new Error('the scripted service cut the connection'), { code: 'ECONNRESET' })
}
