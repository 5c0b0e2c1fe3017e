/** The bottom of the client's stack in a test without sockets: hands an attempt to a handler as a function call. */
import { STATUS_CODES } from 'node:http'
import { Alarm, bottomSend, type Endpoint, type Network, type Send } from '@zerohop/mesh-core/transport'
import { ScriptedReply } from '../reply.ts'
import { Exchange } from './exchange.ts'
import type { ReplyHeaders } from './http-outcome.ts'
import type { BottomGround } from './http-reply.ts'
import { OneShotBody } from './one-shot-body.ts'

/** Makes the Send that carries attempts to the handlers of `network`. */
export function memorySend(network: Network, ground: BottomGround): Send {
  return bottomSend((call, give) => new MemoryAttempt(call, ground, give).start(network))
}

class MemoryAttempt extends Exchange {
  readonly #leaving = new AbortController()
  #pause: Pause | null = null
  #held: (() => void) | null = null

  start(network: Network): void {
    if (this.begin()) void this.#run(network)
  }

  async #run(network: Network): Promise<void> {
    const { call } = this
    try {
      const answer = await network.deliver((call.endpoint as Endpoint).address, this.#request(), this.#leaving.signal)
      if (this.over) return
      if (answer instanceof ScriptedReply) await this.#play(answer)
      else if (answer instanceof Response) await this.#relay(answer)
      else throw new TypeError(`${call.service}: a scripted service must return a Response or a reply(), not ${typeof answer}`)
    } catch (error) {
      const refused = (error as { code?: unknown } | null)?.code === 'ECONNREFUSED'
      this.#loss(error instanceof Error ? error : new Error(String(error)), !refused)
    }
    if (this.message.body instanceof OneShotBody) this.message.body.stop()
  }

  #request(): Request {
    const { call, message } = this
    const headers = new Headers()
    const list = message.headersAt(call, this.ground.parts.clock.now())
    for (let at = 0; at < list.length; at += 2) headers.append(list[at] as string, list[at + 1] as string)
    const init: RequestInit & { duplex?: 'half' } = { method: message.method, headers, signal: this.#leaving.signal }
    const body = message.body
    if (body instanceof OneShotBody) {
      // The platform's Request takes async iterables, though its type does not say so.
      init.body = body.open(call) as unknown as BodyInit
      init.duplex = 'half'
    } else if (body !== null) init.body = body as BodyInit
    return new Request(message.target.href, init)
  }

  async #play(script: ScriptedReply): Promise<void> {
    if (script.ending === 'never') return
    if (script.delayMs > 0) await this.#wait(script.delayMs)
    if (script.ending === 'broken-head') throw reset()
    const headers: Record<string, string | string[]> = {}
    for (const [name, value] of script.headers) append(headers, name.toLowerCase(), value)
    this.head(script.status, STATUS_CODES[script.status] ?? '', headers)
    if (this.message.method !== 'HEAD') {
      for (const step of script.steps) {
        if (typeof step === 'number') await this.#wait(step)
        else await this.#send(step)
        if (this.over) return
      }
    }
    if (script.ending === 'broken-body') throw reset()
    this.whole()
  }

  async #relay(answer: Response): Promise<void> {
    this.head(answer.status, answer.statusText, recordOf(answer.headers))
    if (this.message.method === 'HEAD') await answer.body?.cancel()
    else if (answer.body !== null) {
      for await (const bytes of answer.body) {
        await this.#send(bytes)
        // Leaving the loop cancels the handler's stream, as a closed connection would.
        if (this.over) return
      }
    }
    this.whole()
  }

  // Not async where nothing holds it back, so that a body that is there with the head has arrived before anybody looks.
  #send(bytes: Uint8Array): Promise<void> | undefined {
    this.chunk(bytes)
    if (!this.body.paused) return undefined
    return new Promise((resolve) => {
      this.#held = resolve
    })
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { clock, wheel } = this.ground.parts
      const now = clock.now()
      this.#pause = new Pause(resolve)
      wheel.set(this.#pause, now + ms, now)
    })
  }

  #loss(error: Error, written: boolean): void {
    this.lost({ error, written, answered: this.code !== 0, reused: false })
  }

  pauseBody(): void {}

  resumeBody(): void {
    const held = this.#held
    this.#held = null
    held?.()
  }

  protected stopWire(): void {
    this.#pause?.clear()
    this.#pause?.ring()
    this.resumeBody()
    this.#leaving.abort()
  }
}

class Pause extends Alarm {
  readonly #resolve: () => void

  constructor(resolve: () => void) {
    super(null)
    this.#resolve = resolve
  }

  override ring(): void {
    this.#resolve()
  }
}

function reset(): Error {
  return Object.assign(new Error('the scripted service cut the connection'), { code: 'ECONNRESET' })
}

function recordOf(headers: Headers): ReplyHeaders {
  const record: Record<string, string | string[]> = {}
  for (const [name, value] of headers) append(record, name, value)
  return record
}

function append(record: Record<string, string | string[]>, name: string, value: string): void {
  const before = record[name]
  record[name] = before === undefined ? value : [before, value].flat()
}
