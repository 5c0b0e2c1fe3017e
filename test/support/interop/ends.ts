/** The ends between which the interop cases are played: servers and callers of grpc-js as they come, and those of the mesh. */
import { type ChannelCredentials, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { mtlsLabel, mtlsLabelValue } from '@zerohop/mesh-core/transport'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshChannel, meshClient, serveGrpc } from '@zerohop/mesh-grpc'
import { quietLog } from '../quiet-log.ts'
import { servedDefinition, TestClient, type TestServiceClient } from './definition.ts'
import { InteropService } from './interop-service.ts'

/** Who calls. A `meshClient` knows the methods of its service beforehand, a `meshChannel` does not. */
export type Calling = 'grpc-js' | 'meshChannel' | 'meshClient'
/** Who serves. */
export type Serving = 'grpc-js' | 'serveGrpc'

/** What a peer that knows nothing of the mesh needs for mutual TLS, each in PEM. */
export interface Papers {
  readonly certificate: string
  readonly key: string
  readonly roots: string
}

/** A server that is up. */
export interface ServingEnd {
  /** `host:port` */
  readonly address: string
  readonly service: InteropService
}

/** The name of the service in the mesh, and in its certificate, for peers that go by host names. */
export const serviceName = 'interop'

/** The ends of some runs: all over mutual TLS, with certificates of one authority, or all in plaintext. */
export class InteropEnds implements AsyncDisposable {
  readonly #isSecured: boolean
  readonly #authority = testAuthority()
  readonly #open: (() => unknown)[] = []

  constructor(isSecured: boolean) {
    this.#isSecured = isSecured
  }

  /** Those of the service, or of somebody who calls it; null over plaintext. */
  papersOf(service: string): Papers | null {
    if (!this.#isSecured) return null
    const { pem, keyPem } = this.#authority.issue(service, { dns: [service] })
    return { certificate: pem, key: keyPem, roots: this.#authority.root.pem }
  }

  async serve(serving: Serving): Promise<ServingEnd> {
    const service = new InteropService()
    const server = new Server()
    server.addService(servedDefinition, service.handlers)
    const address = serving === 'grpc-js' ? await this.#bind(server) : await this.#join(server)
    return { address, service }
  }

  /** A caller of the server there, whoever that is. */
  call(calling: Calling, address: string): TestServiceClient {
    const client = calling === 'grpc-js' ? this.#plainClient(address) : this.#meshedClient(calling, address)
    this.#open.push(() => client.close())
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open.reverse()) await close()
  }

  async #bind(server: Server): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    server.bindAsync('127.0.0.1:0', this.#serverCredentials(), (error, port) => (error === null ? resolve(port) : reject(error)))
    const port = await promise
    this.#open.push(() => server.forceShutdown())
    return `127.0.0.1:${port}`
  }

  async #join(server: Server): Promise<string> {
    const mesh = this.#mesh(serviceName, this.#isSecured ? { policy: { service: serviceName, access: { mtls: 'strict' } } } : {})
    return (await serveGrpc(mesh, server, { port: 0, host: '127.0.0.1', signals: false })).address
  }

  #plainClient(address: string): TestServiceClient {
    return new TestClient(address, this.#clientCredentials(), {
      'grpc.use_local_subchannel_pool': 1,
      ...(this.#isSecured ? { 'grpc.ssl_target_name_override': serviceName } : {}),
    })
  }

  #meshedClient(calling: Calling, address: string): TestServiceClient {
    const endpoint = this.#isSecured ? { address, labels: { [mtlsLabel]: mtlsLabelValue } } : address
    const mesh = this.#mesh('caller', { discovery: staticEndpoints({ [serviceName]: [endpoint] }) })
    if (calling === 'meshClient') return meshClient(mesh, serviceName, TestClient)
    return new TestClient(serviceName, credentials.createInsecure(), { channelOverride: meshChannel(mesh, serviceName) })
  }

  #mesh(service: string, options: Partial<Parameters<typeof createMesh>[0]>): Mesh {
    const identity = this.#isSecured ? this.#authority.identitySource(service, { dns: [service] }) : false
    const mesh = createMesh({ service, identity, log: quietLog, ...options })
    this.#open.push(() => mesh.close({ graceMs: 0 }))
    return mesh
  }

  #serverCredentials(): ServerCredentials {
    const papers = this.papersOf(serviceName)
    if (papers === null) return ServerCredentials.createInsecure()
    const { certificate, key, roots } = bytesOf(papers)
    return ServerCredentials.createSsl(roots, [{ cert_chain: certificate, private_key: key }], true)
  }

  #clientCredentials(): ChannelCredentials {
    const papers = this.papersOf('caller')
    if (papers === null) return credentials.createInsecure()
    const { certificate, key, roots } = bytesOf(papers)
    return credentials.createSsl(roots, key, certificate)
  }
}

function bytesOf(papers: Papers): Record<keyof Papers, Buffer> {
  const { certificate, key, roots } = papers
  return { certificate: Buffer.from(certificate), key: Buffer.from(key), roots: Buffer.from(roots) }
}
