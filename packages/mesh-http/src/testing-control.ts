/** A small control API over real sockets, for tests of what the doors ask of it. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hashOfEndpoints } from '@zerohop/mesh-core/policy'

/** Answers polls from its list, at once where something is new. */
export interface TestingControl extends AsyncDisposable {
  readonly url: string
  /** Services and the addresses of their endpoints. */
  readonly endpoints: Map<string, readonly string[]>
  /** The policy that holds for all services; null for none. */
  defaults: object | null
  /** Requests for leases as they came: the method, the path, the body. */
  readonly leases: { readonly method: string; readonly path: string; readonly body: unknown }[]
  /** How many polls came. */
  polls: number
  /** Called before a lease is given back: what the server that drains looks like at that moment. */
  beforeRelease: () => Promise<void>
  /** True: polls are taken and never answered. */
  silent: boolean
}

/** Starts one on a free port. */
export async function testingControl(): Promise<TestingControl> {
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const control: TestingControl = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    endpoints: new Map(),
    defaults: null,
    leases: [],
    polls: 0,
    beforeRelease: async () => {},
    silent: false,
    [Symbol.asyncDispose]: async () => {
      server.close().closeAllConnections()
    },
  }
  let answered = ''
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url as string, control.url)
    if (pathname.startsWith('/v1/instances/')) {
      const text = Buffer.concat(await request.toArray()).toString()
      if (request.method === 'DELETE') await control.beforeRelease()
      control.leases.push({ method: request.method as string, path: pathname, body: text === '' ? null : JSON.parse(text) })
      response.writeHead(request.method === 'DELETE' ? 204 : 200).end(request.method === 'DELETE' ? '' : '{"leaseMs":30000,"renewMs":5000}')
      return
    }
    control.polls++
    const uses = query.get('uses') ?? ''
    // Parked for ever: nothing changes here while a test runs.
    if (control.silent || (query.has('after') && uses === answered)) return
    answered = uses
    response.end(JSON.stringify(documentOf(control, uses.split(','))))
  }
  return control
}

function documentOf({ endpoints, defaults }: TestingControl, uses: readonly string[]): object {
  const lists = uses.flatMap((service) => {
    const full = endpoints.get(service)?.map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
    return full === undefined ? [] : [[service, { hash: hashOfEndpoints(full), full }] as const]
  })
  const sections = Object.fromEntries(lists.map(([service, { hash }]) => [`endpoints/${service}`, hash]))
  if (defaults !== null) sections['policy/defaults'] = 'defaults'
  const policies = defaults === null ? {} : { defaults: { hash: 'defaults', document: defaults } }
  return { version: 'test.1', schema: 2, revision: 1, sections, policies, endpoints: Object.fromEntries(lists) }
}
