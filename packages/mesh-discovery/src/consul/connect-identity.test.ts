import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { IdentitySource, Log } from '@zerohop/mesh-core'
import { type TestCertificate, testAuthority } from '@zerohop/mesh-core/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { connectIdentity } from './connect-identity.ts'

const domain = '11111111-2222-3333-4444-555555555555.consul'
const authority = testAuthority(domain)
const idOf = (service: string): string => `spiffe://${domain}/ns/default/dc/dc1/svc/${service}`

interface Asked {
  readonly part: 'leaf' | 'roots'
  readonly response: ServerResponse
}

/** An agent that answers at once, or when what it has changes, as blocking queries do. */
class FakeAgent {
  readonly asked: { url: string; token: string }[] = []
  /** Answered in place of the leaf. */
  instead: { status: number; body: string } | null = null
  readonly #server: Server
  readonly #bodies = { leaf: '', roots: '' }
  readonly #index = { leaf: 7, roots: 7 }
  #waiting: Asked[] = []

  constructor() {
    this.#server = createServer((request, response) => this.#ask(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Has this leaf from now on. */
  issue(service: string, leaf: TestCertificate = authority.issue(service, { uris: [idOf(service)] })): TestCertificate {
    this.#set('leaf', { CertPEM: leaf.pem, PrivateKeyPEM: leaf.keyPem, ServiceURI: idOf(service) })
    return leaf
  }

  believe(...roots: readonly TestCertificate[]): void {
    this.#set('roots', { TrustDomain: domain, Roots: roots.map(({ pem }) => ({ RootCert: pem })) })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #set(part: Asked['part'], body: object): void {
    this.#bodies[part] = JSON.stringify(body)
    this.#index[part]++
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) {
      if (one.part === part) this.#answer(one)
      else this.#waiting.push(one)
    }
  }

  #ask(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url as string
    this.asked.push({ url, token: String(request.headers['x-consul-token'] ?? '') })
    const part = url.includes('/roots') ? 'roots' : 'leaf'
    if (url.includes(`index=${this.#index[part]}&`) && (part === 'roots' || this.instead === null)) this.#waiting.push({ part, response })
    else this.#answer({ part, response })
  }

  #answer({ part, response }: Asked): void {
    const { status, body } = (part === 'leaf' ? this.instead : null) ?? { status: 200, body: this.#bodies[part] }
    response.writeHead(status, { 'content-type': 'application/json', 'x-consul-index': this.#index[part] }).end(body)
  }
}

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})

async function started(prepare: (agent: FakeAgent) => void): Promise<{ agent: FakeAgent; source: IdentitySource; lines: string[] }> {
  const agent = new FakeAgent()
  closing.push(agent)
  prepare(agent)
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const log: Log = { info: say, warn: say, error: say }
  const source = connectIdentity({ address: await agent.listen(), service: 'cart', token: 'acl', log })
  closing.push(source)
  source.start()
  return { agent, source, lines }
}

describe('an identity of Consul Connect', () => {
  test('is made of the leaf and the roots that the agent has, and names services as Consul does', async () => {
    const { agent, source, lines } = await started((one) => {
      one.issue('cart')
      one.believe(authority.root)
    })
    await expect.poll(() => source.current?.spiffeId).toBe(idOf('cart'))
    const identity = source.current
    expect([identity?.generation, identity?.bundle.trustDomain, identity?.idOf('payment')]).toEqual([1, domain, idOf('payment')])
    expect([identity?.serviceOf(idOf('payment')), identity?.serviceOf('spiffe://else.where/svc/payment')]).toEqual(['payment', ''])
    expect([source.problem, lines]).toEqual(['', []])
    expect(agent.asked.slice(0, 2)).toEqual([
      { url: '/v1/agent/connect/ca/leaf/cart', token: 'acl' },
      { url: '/v1/agent/connect/ca/roots', token: 'acl' },
    ])
    await expect.poll(() => agent.asked.some(({ url }) => /leaf\/cart\?index=8&wait=30000ms/.test(url))).toBe(true)
  })

  test('turns over when Consul has another leaf, or other roots, and not when an answer comes again', async () => {
    const { agent, source } = await started((one) => {
      one.issue('cart')
      one.believe(authority.root)
    })
    await expect.poll(() => source.current?.generation).toBe(1)
    const leaf = agent.issue('cart')
    await expect.poll(() => source.current?.generation).toBe(2)
    expect(source.current?.certificates.trim()).toBe(leaf.pem.trim())
    agent.believe(authority.root, testAuthority(domain).root)
    await expect.poll(() => source.current?.generation).toBe(3)
    expect(source.current?.bundle.roots).toHaveLength(2)
    await source.renew()
    expect([source.current?.generation, source.renewals?.get('adopted')]).toEqual([3, 3])
  })

  test('stays while no agent answers, and while leaf and roots do not fit', async () => {
    const { agent, source, lines } = await started((one) => {
      one.issue('cart')
      one.believe(authority.root)
    })
    await expect.poll(() => source.current?.generation).toBe(1)
    agent.instead = { status: 500, body: 'no cluster leader' }
    await source.renew()
    expect([source.current?.generation, source.problem]).toEqual([1, expect.stringMatching(/the answer is 500: no cluster leader/)])
    expect(lines).toEqual([expect.stringMatching(/^consul: the identity of cart: this process keeps its last one, and asks again: /)])
    agent.instead = null
    await source.renew()
    expect([source.problem, lines[1]]).toEqual(['', 'consul: the identity of cart is well again'])
    agent.believe(testAuthority(domain).root)
    await expect.poll(() => source.problem).toMatch(/certificate: .* does not lead to a root that is believed/)
    expect([source.current?.generation, source.renewals?.get('refused')]).toEqual([1, 1])
  })

  test('of another service is not taken', async () => {
    const { source } = await started((one) => {
      one.issue('cart', authority.issue('cart', { uris: [idOf('payment')] }))
      one.believe(authority.root)
    })
    await expect.poll(() => source.problem).toMatch(/is that of .*\/svc\/payment, and not of the service cart/)
    expect(source.current).toBeUndefined()
  })

  test.each([
    ['half of an answer', (key: string) => `{"PrivateKeyPEM": ${key}`, /leaf: the answer is no JSON/],
    ['an answer without a certificate', (key: string) => JSON.stringify({ PrivateKeyPEM: key }), /leaf: the answer has no CertPEM/],
    ['a key that is none', (key: string) => JSON.stringify({ CertPEM: 'x', PrivateKeyPEM: key }), /no private key that can be read/],
  ])('shows nothing of a key in its messages: %s', async (_, body, problem) => {
    const { agent, source, lines } = await started((one) => {
      one.issue('cart')
      one.believe(authority.root)
    })
    await expect.poll(() => source.current?.generation).toBe(1)
    agent.instead = { status: 200, body: body('SECRET') }
    await source.renew()
    expect(source.problem).toMatch(problem)
    expect(lines.join('\n') + source.problem).not.toMatch(/SECRET/)
    expect(source.current?.generation).toBe(1)
  })
})

test('what is wrong with the options is said at once, without the token', () => {
  expect(() => connectIdentity({ service: 'Cart!', token: 'a b' })).toThrow(/connectIdentity: .*token: .*service|service: /)
  expect(() => connectIdentity({ service: 'Cart!', token: 'a b' })).not.toThrow(/a b/)
})
