/** Meshes of one trust domain over real sockets: servers, and a caller that knows them, for the tests of mutual TLS. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { createMesh, type Discovery, type EndpointInfo, type Mesh, type Registrar, WatchSource } from '@zerohop/mesh-core'
import { type TestIdentitySource, testAuthority } from '@zerohop/mesh-core/testing'
import { type IdentitySource, mtlsLabel, mtlsLabelValue } from '@zerohop/mesh-core/transport'
import { type MeshFetch, meshFetch } from './client/mesh-fetch.ts'
import type { HttpApp } from './server/exchange.ts'
import { type MeshServer, serveHttp } from './server/http-server.ts'
import type { HttpServerOptions } from './server/server-options.ts'

/** How a member is set up; without an identity of its own it gets one of its service, with `identity: false` none. */
export interface MemberOptions {
  readonly service?: string
  readonly identity?: IdentitySource | false
  /** The policy of `inventory`, without its name. */
  readonly policy?: object
}

/** A server of a service. */
export interface ServingMember {
  readonly mesh: Mesh
  readonly server: MeshServer
  readonly source: TestIdentitySource
  /** What its registry lists, newest last. */
  readonly listed: EndpointInfo[]
}

/** Whoever calls `inventory`. */
export interface CallingMember {
  readonly mesh: Mesh
  readonly source: TestIdentitySource
  readonly fetch: MeshFetch
  /** From now on `inventory` is there. */
  list(...addresses: readonly string[]): void
  /** The same, by endpoints that do not say that they take mutual TLS. */
  listPlain(...addresses: readonly string[]): void
}

/** All that one test makes; gone with it. */
export class MtlsUnderTest implements AsyncDisposable {
  readonly authority = testAuthority()
  /** Warnings and errors of all meshes. */
  readonly lines: string[] = []
  readonly #meshes: Mesh[] = []
  readonly #directory = mkdtempSync(join(tmpdir(), 'zerohop-mtls-'))
  readonly #file = join(this.#directory, 'mesh.yaml')

  /** A policy file that members read where they are given none; returns when all of them have taken it. */
  async adopt(text: string): Promise<void> {
    const taken = this.#meshes.map((mesh) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const stop = mesh.on('policy', ({ problems }) => {
        if (problems.length > 0) throw new Error(problems.join('; '))
        stop()
        resolve()
      })
      return promise
    })
    writeFileSync(`${this.#file}.new`, text)
    renameSync(`${this.#file}.new`, this.#file)
    await Promise.all(taken)
  }

  async serve(
    app: HttpApp,
    { server: own = {}, ...member }: MemberOptions & { server?: Partial<HttpServerOptions> } = {},
  ): Promise<ServingMember> {
    const { service = 'inventory' } = member
    const listed: EndpointInfo[] = []
    const registration: Registrar = {
      register: (_service, server) => {
        listed.push(server)
        return { relist: async (changed) => void listed.push(changed), release: async () => {} }
      },
    }
    const source = this.authority.identitySource(service)
    const mesh = this.#mesh({ service, registration, identity: source }, member)
    const server = await serveHttp(mesh, app, { port: 0, host: '127.0.0.1', signals: false, graceMs: 1000, ...own })
    return { mesh, server, source, listed }
  }

  call(member: MemberOptions = {}): CallingMember {
    const { service = 'shop' } = member
    const endpoints = new WatchSource<readonly EndpointInfo[]>([])
    const discovery: Discovery = {
      name: 'test',
      watch: (called) => (called === 'inventory' ? endpoints : null),
      services: () => ['inventory'],
      close: async () => {},
    }
    const source = this.authority.identitySource(service)
    const mesh = this.#mesh({ service, discovery, identity: source }, member)
    const put = (addresses: readonly string[], labels: Record<string, string>): void =>
      endpoints.set(addresses.map((address) => ({ address, labels, zone: '', weight: 1 })))
    return {
      mesh,
      source,
      fetch: meshFetch(mesh),
      list: (...addresses) => put(addresses, { [mtlsLabel]: mtlsLabelValue }),
      listPlain: (...addresses) => put(addresses, {}),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#meshes.map((mesh) => mesh.close({ graceMs: 0 })))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #mesh(fixed: Parameters<typeof createMesh>[0], { identity, policy }: MemberOptions): Mesh {
    const log = { info: () => {}, warn: (line: string) => this.lines.push(line), error: (line: string) => this.lines.push(line) }
    const mesh = createMesh({
      ...fixed,
      log,
      policy: policy === undefined ? this.#file : { service: 'inventory', ...policy },
      ...(identity === undefined ? {} : { identity }),
    })
    this.#meshes.push(mesh)
    return mesh
  }
}

/** Waits for a condition, turn of the event loop by turn. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
