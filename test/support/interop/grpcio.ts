/** Python's gRPC, an implementation that has not a line in common with grpc-js, as a caller and as a server of the interop cases. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type Papers, serviceName } from './ends.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const script = fileURLToPath(new URL('../../../scripts/grpcio.sh', import.meta.url))

/**
 * The Python that has it, fetched where it is not here yet; null, and why on the screen, where it cannot be had.
 * @throws Error where REQUIRE_GRPCIO=1 says that it must be had, or the script is broken
 */
export function grpcioPython(): string | null {
  const { status, stdout, stderr, error } = spawnSync(script, ['fetch'], { encoding: 'utf8', timeout: 180_000 })
  if (status === 0) return stdout.trim()
  const why = error?.message ?? stderr.trim()
  // 3 is its word for "not on this machine".
  if (process.env.REQUIRE_GRPCIO === '1' || status !== 3) throw new Error(`Python's gRPC is required here: ${why}`)
  console.warn(`skipped: ${why}`)
  return null
}

/** Plays all cases against the server there; resolves with the problem of each by its name, '' where there is none. */
export async function playInPython(
  python: string,
  { address, papers }: { address: string; papers: Papers | null },
): Promise<ReadonlyMap<string, string>> {
  const child = programOf(python, 'interop_client.py')
  child.stdin.end(JSON.stringify({ address, papers, host: serviceName }))
  const [told] = await Promise.all([text(child.stdout), once(child, 'close')])
  const outcomes = told.trim().split('\n').filter(Boolean)
  return new Map(outcomes.map((line) => JSON.parse(line) as Outcome).map(({ name, problem }) => [name, problem]))
}

interface Outcome {
  readonly name: string
  readonly problem: string
}

/** A server in Python. */
export class PythonServer implements AsyncDisposable {
  readonly address: string
  readonly #child: Program
  readonly #lines: AsyncIterator<string>

  private constructor(address: string, child: Program, lines: AsyncIterator<string>) {
    this.address = address
    this.#child = child
    this.#lines = lines
  }

  static async start(python: string, papers: Papers | null): Promise<PythonServer> {
    const child = programOf(python, 'interop_server.py')
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    child.stdin.write(`${JSON.stringify({ papers })}\n`)
    const { port } = await told<{ port: number }>(lines)
    return new PythonServer(`127.0.0.1:${port}`, child, lines)
  }

  /** Ends it; resolves with the calls that it had then still in hand. */
  async end(): Promise<number> {
    this.#child.stdin.end()
    return (await told<{ underWay: number }>(this.#lines)).underWay
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}

type Program = ChildProcess & { readonly stdin: NodeJS.WritableStream; readonly stdout: NodeJS.ReadableStream }

function programOf(python: string, name: string): Program {
  return spawn(python, ['-B', name], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] }) as Program
}

async function told<T>(lines: AsyncIterator<string>): Promise<T> {
  const { value, done } = await lines.next()
  if (done === true) throw new Error('the server in Python ended without a word')
  return JSON.parse(value) as T
}
