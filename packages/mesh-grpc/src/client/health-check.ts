/** The check of an endpoint by grpc.health.v1: asks a server how it is, and reads what it says. */
import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js'
import { Call, type CheckWay, Outcome, type Send } from '@zerohop/mesh-core/transport'
import { healthPrefix, readCheckResponse, writeCheckRequest } from '../health-message.ts'
import { statusName } from '../status-verdict.ts'
import { BufferedCall } from './buffered-call.ts'
import { GrpcMessage } from './grpc-call.ts'
import type { GrpcReply, ReplyReader } from './grpc-reply.ts'
import { methodName } from './method-table.ts'
import { ReplayRoom } from './replay-room.ts'
import { headersOf } from './request-headers.ts'
import type { WireOptions } from './wire-options.ts'

const path = `${healthPrefix}Check`

/** What is asked, by whom. */
export interface HealthCheckGround {
  /** The service of the mesh whose endpoints are asked. */
  readonly service: string
  /** The gRPC service that they are asked about; '' for the server as a whole. */
  readonly about: string
  readonly options: WireOptions
}

/** Asks over `bottom`; the reply's status is what the server said, `SERVING` where it is well, or the status with which it refused to say. */
export function healthCheck(bottom: Send, ground: HealthCheckGround): CheckWay {
  const what = ground.about === '' ? 'grpc.health.v1' : `grpc.health.v1 (${ground.about})`
  return {
    asked: { what, well: 'SERVING' },
    call: () => checkCall(ground),
    send: async (call) => {
      const outcome = await bottom(call)
      const reply = outcome.reply as GrpcReply | null
      if (reply === null) return outcome
      const { promise, resolve } = Promise.withResolvers<Outcome>()
      reply.deliver(new Answer(call, outcome, resolve))
      return promise
    },
  }
}

function checkCall({ service, about, options }: HealthCheckGround): Call {
  const request = new BufferedCall(new ReplayRoom())
  request.push(writeCheckRequest(about), undefined, null)
  request.end()
  const asked = { path, headers: headersOf(new Metadata()), request, unaryResponse: true, credentials: null, host: null }
  const message = new GrpcMessage(asked, options, '')
  return new Call({ service, method: methodName(path), path, kind: 'unary', message, replayable: true, idempotent: true })
}

/** Waits for the server's status, behind which nothing is left of the call. */
class Answer implements ReplyReader {
  readonly #call: Call
  readonly #begun: Outcome
  readonly #give: (outcome: Outcome) => void
  #said = 'no answer'

  constructor(call: Call, begun: Outcome, give: (outcome: Outcome) => void) {
    this.#call = call
    this.#begun = begun
    this.#give = give
  }

  tookMetadata(): void {}

  tookMessage(message: Buffer): void {
    try {
      this.#said = readCheckResponse(message)
    } catch {
      this.#said = 'what is no HealthCheckResponse'
    }
  }

  tookStatus({ code }: StatusObject): void {
    const status = code === Status.OK ? this.#said : statusName(code)
    this.#give(new Outcome(this.#call, this.#begun.verdict, { ...this.#begun, reply: { status, discard() {} }, open: false }))
  }

  brokeOff(end: Outcome): void {
    this.#give(end)
  }
}
