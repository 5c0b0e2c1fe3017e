/** The control API as a process of its own, on a real store: killed, started again at the same port, and asked. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../packages/control-api/src/main.ts', import.meta.url))

/** An answer; a body that is JSON comes parsed. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: what comes is what tests are about
  readonly body: any
}

/** What is sent besides method and path. */
export interface Asked {
  /** A text goes as it is, anything else as JSON. */
  readonly body?: unknown
  /** Default: the admin token. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One control API with a data directory of its own. */
export class ControlProcess implements AsyncDisposable {
  /** Everything that it has printed, over all its lives. */
  printed = ''
  url = ''
  /** The admin token of the data directory as it is now. */
  admin = ''
  readonly data: string
  readonly #flags: readonly string[]
  readonly #directory = mkdtempSync(join(tmpdir(), 'zerohop-control-'))
  #child: ChildProcess | null = null
  #gone: Promise<unknown> = Promise.resolve()

  private constructor(flags: readonly string[]) {
    this.#flags = flags
    this.data = join(this.#directory, 'data')
  }

  /** Starts one on a free port, without TLS where `flags` do not ask for it. @param flags of the program, besides its port and directory */
  static async start(...flags: readonly string[]): Promise<ControlProcess> {
    const control = new ControlProcess(flags)
    try {
      await control.start()
    } catch (error) {
      await control[Symbol.asyncDispose]()
      throw error
    }
    return control
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Starts it again, where it was; resolves when it listens. */
  async start(): Promise<void> {
    const port = this.url === '' ? 0 : this.port
    const tls = this.#flags.includes('--tls') ? [] : ['--tls', 'off']
    const flags = ['--data', this.data, '--port', String(port), ...tls, ...this.#flags]
    const child = spawn(process.execPath, [program, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#gone = once(child, 'exit')
    let said = ''
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          this.printed += text
          said += text
          if (/listens on \S+,[\s\S]*MESH_TOKEN/.test(said)) resolve()
        })
      }
      child.once('exit', (code) => reject(new Error(`the control API ended with ${code}: ${said}`)))
    })
    const [, url = ''] = /listens on (\S+),/.exec(said) ?? []
    this.url = url.replace('0.0.0.0', '127.0.0.1')
    this.admin = /zh_[\w-]{12}_[\w-]{43}/.exec(said)?.[0] ?? this.admin
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#gone
  }

  /** Deletes its data, between two lives. */
  loseData(): void {
    rmSync(this.data, { recursive: true })
  }

  /** One request. Rejects where no whole answer comes. */
  async ask(method: string, path: string, { body, token = this.admin, headers = {} }: Asked = {}): Promise<Answer> {
    const content = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...content, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

  /** The same, where only success will do. @throws Error with what was answered */
  async must(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const answer = await this.ask(method, path, asked)
    if (answer.status >= 300) {
      const printed = answer.status < 500 ? '' : `; it has printed ${this.printed.slice(-1000)}`
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}${printed}`)
    }
    return answer
  }

  /** Makes a token for a service. */
  async tokenFor(service: string): Promise<string> {
    return (await this.must('POST', '/v1/tokens', { body: { service } })).body.token
  }

  /** Writes a policy, whatever it names. Returns the revision. */
  async write(service: string, document: object): Promise<number> {
    return (await this.must('PUT', `/v1/policies/${service}?force=true`, { body: document })).body.revision
  }

  /** Takes a lease, which nobody renews. */
  async lease(service: string, instance: string, endpoint: object): Promise<void> {
    await this.must('PUT', `/v1/instances/${service}/${instance}`, { body: endpoint })
  }

  /** One number of its metrics; 0 where there is none of that name. */
  async metric(name: string): Promise<number> {
    const page: string = (await this.must('GET', '/metrics')).body
    return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(page)?.[1] ?? 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
