/** Instances of one service as processes, and the endpoints file that callers find them by. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from './program.ts'
import type { LedgerSettings } from './programs/ledger-service.ts'

/** One instance. */
export interface FleetMember {
  readonly program: Program
  readonly address: string
}

/** The instances of `orders`, with one ledger for all. */
export class Fleet implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'zerohop-fleet-'))
  readonly #started: Program[] = []
  /** Where callers look for the service. */
  readonly endpointsFile = join(this.#directory, 'endpoints.json')

  /** Starts one more instance; nobody finds it before it is listed. */
  async start(): Promise<FleetMember> {
    const settings: LedgerSettings = { port: 0, ledger: join(this.#directory, 'ledger'), inFlight: 0, oddOneIn: 0 }
    const program = new Program('ledger-service', { settings })
    this.#started.push(program)
    const { port } = await program.hear<{ port: number }>('up')
    return { program, address: `127.0.0.1:${port}` }
  }

  /** From now on callers find these, and only these. */
  list(members: readonly FleetMember[]): void {
    const text = JSON.stringify({ orders: members.map(({ address }) => address) })
    // Renamed into its place, so that no reader finds half of it.
    writeFileSync(`${this.endpointsFile}.new`, text)
    renameSync(`${this.endpointsFile}.new`, this.endpointsFile)
  }

  /** Ids of the orders whose handler was started, in that order; an id for each start. */
  executed(): string[] {
    const lines = readFileSync(join(this.#directory, 'ledger'), 'utf8').trimEnd().split('\n')
    return lines.map((line) => line.split(' ', 1)[0] as string)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((program) => program.kill()))
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
