/** A control API and the processes that live by it, ended together. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ControlProcess } from './control-process.ts'
import { Program } from './program.ts'
import type { ClientsSettings, ClientsTold } from './programs/control-clients.ts'

/** What the status says of one process. */
export interface InstanceSeen {
  readonly service: string
  readonly instance: string
  readonly applied: string | null
  readonly current: boolean
  readonly schema: number
  readonly refused: { readonly version: string; readonly reason: string } | null
  readonly misses: readonly string[]
}

/** One process of meshes. */
export class Clients {
  readonly program: Program

  constructor(program: Program) {
    this.program = program
  }

  /** What holds in it now. */
  holds(): Promise<ClientsTold> {
    return this.program.ask<ClientsTold>('holds')
  }
}

/** What a process of clients is given besides where the control API is. */
export type ClientsPart = Omit<ClientsSettings, 'control' | 'tokenFile'>

/** One per test. */
export class ControlStage implements AsyncDisposable {
  readonly control: ControlProcess
  /** For whatever a test writes; gone with the stage. */
  readonly directory = mkdtempSync(join(tmpdir(), 'zerohop-stage-'))
  readonly #programs: Program[] = []

  private constructor(control: ControlProcess) {
    this.control = control
  }

  static async start(...flags: readonly string[]): Promise<ControlStage> {
    return new ControlStage(await ControlProcess.start(...flags))
  }

  /** Gives a service a token, as its processes find it from then on; a new one in the place of an old. */
  async admit(service: string): Promise<string> {
    const token = await this.control.tokenFor(service)
    const path = this.#tokenFile(service)
    writeFileSync(`${path}.new`, token)
    renameSync(`${path}.new`, path)
    return token
  }

  /** Starts a process of clients; resolves when its meshes are ready. */
  async clients(part: ClientsPart, { isCaptured = false }: { readonly isCaptured?: boolean } = {}): Promise<Clients> {
    const settings: ClientsSettings = { ...part, control: this.control.url, tokenFile: this.#tokenFile(part.service) }
    const program = new Program('control-clients', { settings, isCaptured })
    this.#programs.push(program)
    await program.hear('up')
    return new Clients(program)
  }

  /** The processes that poll, as the status has them. */
  async instances(): Promise<readonly InstanceSeen[]> {
    return (await this.control.must('GET', '/v1/status')).body.instances
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program[Symbol.asyncDispose]()))
    await this.control[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  #tokenFile(service: string): string {
    return join(this.directory, `${service}.token`)
  }
}
