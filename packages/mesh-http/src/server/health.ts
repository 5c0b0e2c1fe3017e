/** `/livez` and `/readyz`, answered before any layer of the mesh: a full server is alive, and a draining one says so. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readiness } from '@zerohop/mesh-core/transport'

/** The health pages of one server. */
export class Health {
  readonly #readiness: Readiness
  readonly #livez: string
  readonly #readyz: string

  /** @param prefix what stands before `/livez` and `/readyz` */
  constructor(prefix: string, readiness: Readiness) {
    this.#readiness = readiness
    this.#livez = `${prefix}/livez`
    this.#readyz = `${prefix}/readyz`
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
    const unready = this.#readiness.ask()
    if (typeof unready === 'string') tell(response, unready)
    else unready.then((why) => tell(response, why))
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
