/** The control API as a process of its own, on a real store: killed, started again at the same port, and asked. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent, fetch as fetchBy } from 'undici'

const program = fileURLToPath(new URL('../../packages/control-api/src/main.ts', import.meta.url))

/** An answer; a body that is JSON comes parsed. */
export interface Answer {
  readonly status: number
  readonly headers: Pick<Headers, 'get'> & Iterable<[string, string]>
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

  /** Starts one on a free port, without TLS where `flags` do not name it. @param flags of the program, besides its port and directory */
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

  /** A file with the roots that it hands out now, where it speaks TLS. */
  get caFile(): string {
    return join(this.data, 'ca.pem')
  }

  /** Turns the root over by the command, and follows it to its end; resolves to what it has printed. @throws Error where it does not come to its end */
  async rotateRoot(): Promise<string> {
    const flags = ['rotate-root', '--control', this.url, '--ca', this.caFile]
    const env = { ...process.env, ZEROHOP_ADMIN_TOKEN: this.admin }
    const command = spawn(process.execPath, [program, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [command.stdout, command.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    }
    const [code] = await once(command, 'exit')
    if (code !== 0) throw new Error(`the command ended with ${code}: ${said}`)
    return said
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
    this.admin = /zh_[\w-]{12}_[\w-]{43}(?:_[\w-]{43})?/.exec(said)?.[0] ?? this.admin
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
    const request = {
      method,
      headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...content, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }
    if (this.url.startsWith('http:')) return answerOf(await fetch(this.url + path, request))
    // Its roots turn over, and a connection that died with its last life is none of the next one's.
    const dispatcher = new Agent({ connect: { ca: readFileSync(this.caFile, 'utf8') } })
    try {
      return await answerOf(await fetchBy(this.url + path, { ...request, dispatcher }))
    } finally {
      void dispatcher.destroy()
    }
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

async function answerOf(response: Pick<Answer, 'status' | 'headers'> & { text(): Promise<string> }): Promise<Answer> {
  const { status, headers } = response
  const text = await response.text()
  const isJson = headers.get('content-type')?.startsWith('application/json') === true
  return { status, headers, body: isJson ? JSON.parse(text) : text }
}
