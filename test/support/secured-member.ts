/** A member of a mesh inside the test's process, with a certificate that a control API issues: a server, and a caller of others. */
import { createMesh, type Log, type Mesh } from '@zerohop/mesh-core'
import { type HttpApp, type MeshFetch, type MeshServer, meshFetch, serveHttp } from '@zerohop/mesh-http'

/** Who it is. */
export interface MemberStart {
  readonly service: string
  /** Default: the name of the service, and `-1`. */
  readonly instance?: string
  readonly control: string
  readonly token: string
  /** Default: it answers with the name of its instance. */
  readonly app?: HttpApp
  /** False: it calls, and serves nobody. Default true. */
  readonly serves?: boolean
}

/** What it said of its readiness. */
export interface Readiness {
  readonly ready: boolean
  readonly why: string
}

/** One instance. */
export class SecuredMember implements AsyncDisposable {
  readonly instance: string
  readonly mesh: Mesh
  readonly fetch: MeshFetch
  /** Warnings and errors. */
  readonly lines: string[] = []
  readonly #server: MeshServer | null

  private constructor(instance: string, mesh: Mesh, { server, lines }: { server: MeshServer | null; lines: string[] }) {
    this.instance = instance
    this.mesh = mesh
    this.fetch = meshFetch(mesh)
    this.#server = server
    this.lines = lines
  }

  /** Resolves when it is ready. */
  static async start(start: MemberStart): Promise<SecuredMember> {
    const { service, instance = `${service}-1`, control, token, serves = true } = start
    const lines: string[] = []
    const keep = (line: string): void => void lines.push(line)
    const log: Log = { info: () => {}, warn: keep, error: keep }
    const mesh = createMesh({ service, instance, control, token, lastGood: false, log })
    const app: HttpApp = start.app ?? ((_request, response) => void response.end(instance))
    const server = serves ? await serveHttp(mesh, app, { port: 0, host: '127.0.0.1', signals: false, graceMs: 500 }) : null
    await mesh.ready()
    return new SecuredMember(instance, mesh, { server, lines })
  }

  /** `host:port` of its server. */
  get address(): string {
    return this.#server?.address ?? ''
  }

  get port(): number {
    return this.#server?.port ?? 0
  }

  /** As a probe asks, in plaintext. */
  async readiness(): Promise<Readiness> {
    const response = await fetch(`http://${this.address}/readyz`)
    return { ready: response.status === 200, why: (await response.text()).trim() }
  }

  /** Calls a service; resolves to what it answered. @throws the cause of fetch's error, or an Error with another status than 200 */
  async call(service: string, path = '/'): Promise<string> {
    try {
      const response = await this.fetch(`http://${service}${path}`)
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${service} answered ${response.status}: ${text}`)
      return text
    } catch (error) {
      throw error instanceof TypeError && error.cause instanceof Error ? error.cause : error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh.close({ graceMs: 500 })
  }
}
