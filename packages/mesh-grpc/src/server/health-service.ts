/** The service grpc.health.v1: what probes, load balancers and other clients of gRPC ask a server for. */
import { type Server, type ServerUnaryCall, type ServerWritableStream, status as Status, type sendUnaryData } from '@grpc/grpc-js'
import type { Clock, Readiness, Timer } from '@zerohop/mesh-core/transport'
import {
  type CheckRequest,
  healthPrefix,
  NOT_SERVING,
  readCheckRequest,
  SERVICE_UNKNOWN,
  SERVING,
  type ServingStatus,
  writeCheckResponse,
  writeListResponse,
} from '../health-message.ts'

/** What the service asks. */
export interface HealthServiceOptions {
  readonly readiness: Readiness
  /** The services that have handlers. */
  readonly services: () => Set<string>
  readonly clock: Clock
}

// How soon whoever watches hears of a change that nobody announced.
const lookEveryMs = 2000
// Probes and proxies are few; beyond, somebody collects streams.
const mostWatchers = 1000
const identity = (bytes: Buffer): Buffer => bytes

/** One per server. */
export class HealthService {
  readonly #options: HealthServiceOptions
  readonly #watchers = new Set<Watcher>()
  #looking: Timer | null = null
  #isLeaving = false

  constructor(options: HealthServiceOptions) {
    this.#options = options
  }

  /** Adds itself to `server`, unless that has such a service already. */
  addTo(server: Server): void {
    const check = (call: ServerUnaryCall<CheckRequest, Buffer>, callback: sendUnaryData<Buffer>): void =>
      void this.#check(call.request.service, callback)
    const list = (_: unknown, callback: sendUnaryData<Buffer>): void => void this.#list(callback)
    const watch = (call: ServerWritableStream<CheckRequest, Buffer>): void => this.#watch(call)
    if (!server.register(`${healthPrefix}Check`, check, identity, readCheckRequest, 'unary')) return
    server.register(`${healthPrefix}List`, list, identity, identity, 'unary')
    server.register(`${healthPrefix}Watch`, watch, identity, readCheckRequest, 'serverStream')
  }

  /** Something has changed that readiness knows of: whoever watches hears it now. */
  async changed(): Promise<void> {
    if (this.#watchers.size === 0) return
    const serving = await this.#serving()
    const services = this.#options.services()
    for (const watcher of this.#watchers) watcher.tell(isKnown(watcher.service, services) ? serving : SERVICE_UNKNOWN)
  }

  /** The server goes: whoever watches hears so, and its watch ends, so that its connection can. A watch that comes later ends as it begins. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    await this.changed()
    for (const watcher of [...this.#watchers]) watcher.end()
  }

  async #check(service: string, callback: sendUnaryData<Buffer>): Promise<void> {
    if (isKnown(service, this.#options.services())) callback(null, writeCheckResponse(await this.#serving()))
    else callback({ code: Status.NOT_FOUND, details: 'no service of that name is served here' })
  }

  async #list(callback: sendUnaryData<Buffer>): Promise<void> {
    const serving = await this.#serving()
    callback(null, writeListResponse(new Map(['', ...this.#options.services()].map((name) => [name, serving]))))
  }

  #watch(call: ServerWritableStream<CheckRequest, Buffer>): void {
    if (this.#watchers.size >= mostWatchers) {
      call.emit('error', { code: Status.RESOURCE_EXHAUSTED, details: `${mostWatchers} watch already` })
      return
    }
    const watcher = new Watcher(call)
    if (this.#isLeaving) {
      watcher.tell(isKnown(watcher.service, this.#options.services()) ? NOT_SERVING : SERVICE_UNKNOWN)
      watcher.end()
      return
    }
    this.#watchers.add(watcher)
    call.once('cancelled', () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size > 0) return
      this.#looking?.cancel()
      this.#looking = null
    })
    void this.changed()
    if (this.#looking === null) this.#look()
  }

  #look(): void {
    this.#looking = this.#options.clock.setTimer(lookEveryMs, () => {
      void this.changed()
      this.#look()
    })
  }

  async #serving(): Promise<ServingStatus> {
    return (await this.#options.readiness.ask()) === '' ? SERVING : NOT_SERVING
  }
}

function isKnown(service: string, services: Set<string>): boolean {
  return service === '' || services.has(service)
}

class Watcher {
  readonly service: string
  readonly #call: ServerWritableStream<CheckRequest, Buffer>
  #told: ServingStatus | 0 = 0

  constructor(call: ServerWritableStream<CheckRequest, Buffer>) {
    this.service = call.request.service
    this.#call = call
  }

  // Whoever does not read what it asked for hears of the newest when it does.
  tell(status: ServingStatus): void {
    if (status === this.#told || this.#call.writableNeedDrain || this.#call.cancelled) return
    this.#told = status
    this.#call.write(writeCheckResponse(status))
  }

  end(): void {
    this.#call.end()
  }
}
