/** A control API that runs in memory for a test, and how it is asked. */
import { problemSchema } from '@zerohop/mesh-core/policy'
import { systemClock } from '../clock.ts'
import { type ControlApi, createControlApi } from '../control-api.ts'
import { memoryStores } from '../store/memory-stores.ts'
import type { Stores } from '../store/stores.ts'

/** What came back; every answer with a status of 400 and above was seen to be a problem. */
export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: what comes is what a test is about
  readonly body: any
  readonly headers: Headers
}

/** How a request differs from one of the admin with JSON. */
export interface Asking {
  /** A text goes as it is, anything else as JSON. */
  readonly body?: unknown
  readonly type?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

const settings = { host: '127.0.0.1', port: 0, data: 'unused', lease: 30_000, maxConnections: 1000, tls: 'off' } as const

/** A control API on a port of its own. */
export class RunningControl {
  readonly control: ControlApi
  readonly url: string
  /** The token with which it is asked; a test may rotate it. */
  admin: string
  /** What it logged. */
  readonly lines: readonly string[]

  private constructor(control: ControlApi, url: string, lines: readonly string[]) {
    this.control = control
    this.url = url
    this.admin = control.freshAdminToken ?? ''
    this.lines = lines
  }

  static async start(stores: Stores = memoryStores(systemClock)): Promise<RunningControl> {
    const lines: string[] = []
    const control = await createControlApi(settings, { stores, log: (line) => lines.push(line) })
    const { url } = await control.listen()
    return new RunningControl(control, url, lines)
  }

  /** @throws Error for a failure that does not have the form of one */
  async ask(
    method: string,
    path: string,
    { body, type = 'application/json', token = this.admin, headers = {} }: Asking = {},
  ): Promise<Answer> {
    const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...sent,
    })
    const answered = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const answer = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(answered) : answered }
    if (answer.status >= 400) problemSchema.parse(answer.body)
    return answer
  }

  /** Writes a policy whatever it refers to. */
  put(service: string, document: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.ask('PUT', `/v1/policies/${service}?force=true`, { body: document, headers })
  }

  close(): Promise<void> {
    return this.control.close({ graceMs: 0 })
  }
}

/** Status and code of a problem. */
export function codeOf({ status, body }: Answer): readonly [number, string | undefined] {
  return [status, body?.error?.code]
}
