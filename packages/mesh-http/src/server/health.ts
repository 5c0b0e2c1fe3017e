/** `/livez` and `/readyz`, answered before any layer of the mesh: a full server is alive, and a draining one says so. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '@zerohop/mesh-core/transport'

/** What the health pages ask. */
export interface HealthOptions {
  /** What stands before `/livez` and `/readyz`. */
  readonly prefix: string
  /** Why this process must get no new work; '' where it may. */
  readonly unready: () => string
  /** The application's own word; null for none. */
  readonly readiness: (() => boolean | Promise<boolean>) | null
  readonly clock: Clock
}

// Below the usual patience of whoever asks, so that the answer says why.
const readinessMs = 3000

/** The health pages of one server. */
export class Health {
  readonly #options: HealthOptions
  readonly #livez: string
  readonly #readyz: string
  // One check at a time, however many ask: a check that hangs must not pile up.
  #checking: Promise<string> | null = null

  constructor(options: HealthOptions) {
    this.#options = options
    this.#livez = `${options.prefix}/livez`
    this.#readyz = `${options.prefix}/readyz`
  }

  /** Answers a request for a health page; false where it is none. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false
    const url = request.url as string
    // Two comparisons for all other requests.
    if (!url.startsWith(this.#livez) && !url.startsWith(this.#readyz)) return false
    const path = url.split('?', 1)[0]
    if (path === this.#livez) tell(response, '')
    else if (path === this.#readyz) this.#ready(response)
    else return false
    return true
  }

  #ready(response: ServerResponse): void {
    const unready = this.#options.unready()
    const { readiness } = this.#options
    if (unready !== '' || readiness === null) {
      tell(response, unready)
      return
    }
    this.#checking ??= this.#check(readiness).finally(() => {
      this.#checking = null
    })
    this.#checking.then((why) => tell(response, why))
  }

  async #check(readiness: () => boolean | Promise<boolean>): Promise<string> {
    const { promise: late, resolve } = Promise.withResolvers<string>()
    const timer = this.#options.clock.setTimer(readinessMs, () => resolve(`the readiness check gave no answer within ${readinessMs} ms`))
    const asked = (async () => ((await readiness()) === true ? '' : 'the readiness check said no'))()
    const why = await Promise.race([asked.catch(() => 'the readiness check failed'), late])
    timer.cancel()
    return why
  }
}

function tell(response: ServerResponse, unready: string): void {
  if (response.destroyed) return
  const body = unready === '' ? 'ok\n' : `${unready}\n`
  response.writeHead(unready === '' ? 200 : 503, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
