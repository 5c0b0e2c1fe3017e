import { createMesh } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Answer, ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { GatedPath } from '../support/gated-path.ts'
import { Impostor } from '../support/impostor.ts'
import { SecuredMember } from '../support/secured-member.ts'
import { missigned, signingRequest } from '../support/signing-request.ts'

const trustDomain = 'shop.internal'
let control: ControlProcess

beforeEach(async () => {
  control = await ControlProcess.start('--tls', 'on', '--trust-domain', trustDomain)
})

afterEach(() => control[Symbol.asyncDispose]())

function idOf(service: string): string {
  return `spiffe://${trustDomain}/svc/${service}`
}

interface Token {
  readonly id: string
  readonly token: string
}

async function tokenFor(service: string, rest: object = {}): Promise<Token> {
  return (await control.must('POST', '/v1/tokens', { body: { service, ...rest } })).body
}

function certify(token: string, service: string, csr: string): Promise<Answer> {
  return control.ask('POST', '/v1/identity/certificates', { token, body: { service, csr } })
}

function toldIn({ status, body }: Answer): readonly [number, string | undefined] {
  return [status, body?.error?.code]
}

test('a join that must not be is refused with the reason, over the real API, and written down', async () => {
  const csr = signingRequest(idOf('cart'))
  const good = await tokenFor('cart')
  const joined = await certify(good.token, 'cart', csr)
  expect(joined.status).toBe(200)

  const once = await tokenFor('cart', { singleUse: true })
  expect((await certify(once.token, 'cart', csr)).status).toBe(200)
  const used = await certify(once.token, 'cart', signingRequest(idOf('cart')))
  const brief = await tokenFor('cart', { expiresIn: '1s' })
  const revoked = await tokenFor('cart')
  await control.must('DELETE', `/v1/tokens/${revoked.id}`)
  const taken = await certify(revoked.token, 'cart', csr)
  let expired: Answer | undefined
  await eventually(async () => {
    expired = await certify(brief.token, 'cart', csr)
    return expired.status !== 200
  }, 'a token for a second has expired')
  const weak = await certify(good.token, 'cart', signingRequest(idOf('cart'), 'RSA-1024'))
  const long = (characters: number): Promise<Answer> =>
    certify(good.token, 'cart', `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(characters)}\n-----END CERTIFICATE REQUEST-----\n`)
  const refusals: readonly (readonly [string, Answer, number, string])[] = [
    ['used token', used, 401, 'used_token'],
    ['revoked token', taken, 401, 'revoked_token'],
    ['expired token', expired as Answer, 401, 'expired_token'],
    ['no token', await certify('', 'cart', csr), 401, 'no_token'],
    ['another’s name', await certify(good.token, 'payment', signingRequest(idOf('payment'))), 403, 'wrong_service'],
    ['another’s name in the request', await certify(good.token, 'cart', signingRequest(idOf('payment'))), 403, 'foreign_name'],
    ['another domain', await certify(good.token, 'cart', signingRequest('spiffe://elsewhere.example/svc/cart')), 403, 'foreign_name'],
    ['bad signature', await certify(good.token, 'cart', missigned(csr)), 422, 'bad_signature'],
    ['weak key', weak, 422, 'weak_key'],
    ['no request at all', await certify(good.token, 'cart', 'cart, please'), 422, 'bad_csr'],
    ['17 kB', await long(17_000), 422, 'bad_body'],
    ['1 MB', await long(1_000_000), 413, 'too_large'],
  ]
  for (const [what, answer, status, code] of refusals) {
    expect([what, ...toldIn(answer)]).toEqual([what, status, code])
    expect(answer.body.error.message.length).toBeGreaterThan(20)
    expect(JSON.stringify(answer.body)).not.toMatch(/zh_[\w-]{12}|PRIVATE KEY/)
  }
  const { entries } = (await control.must('GET', '/v1/audit?limit=100')).body as { entries: readonly { action: string; subject: string }[] }
  const written = entries.filter(({ action }) => action === 'identity.refuse').map(({ subject }) => subject)
  for (const code of ['wrong_service', 'foreign_name', 'bad_signature', 'weak_key']) {
    expect(
      written.some((subject) => subject.includes(code)),
      code,
    ).toBe(true)
  }
  expect(control.printed).not.toContain(good.token)
  expect((await certify(good.token, 'cart', csr)).status).toBe(200)
  printFigures('joins refused', Object.fromEntries(refusals.map(([what, answer]) => [what, toldIn(answer).join(' ')])))
})

test('a joiner whose certificate was lost on the way gets the same one for its token, and nobody else does', async () => {
  await using path = await new GatedPath(() => control.port).open()
  const { token } = await tokenFor('cart', { singleUse: true })
  // Over the first connection, which is not believed, it asks for the roots; over the second one for the trust domain, and then for the certificate.
  path.loses = { connection: 2, request: 2 }
  await using cart = await SecuredMember.start({ service: 'cart', control: path.url, token, serves: false })
  await eventually(() => cart.mesh.explain().identity?.spiffeId === idOf('cart'), 'it has its certificate')
  expect(path.lost).toBe(1)
  const page: string = (await control.must('GET', '/metrics')).body
  const requests = [...page.matchAll(/^zerohop_control_certificate_requests_total{result="(\w+)"} (\d+)$/gm)].map(
    ([, result, count]) => `${result} ${count}`,
  )
  expect(requests.toSorted()).toEqual(['issued 1', 'repeated 1'])
  const thief = await certify(token, 'cart', signingRequest(idOf('cart')))
  expect(toldIn(thief)).toEqual([401, 'used_token'])
  printFigures('a lost certificate', { connections: path.connections, lost: path.lost, requests: requests.join(', ') })
})

test('a newcomer says nothing to a control API that another authority speaks for', async () => {
  const { token } = await tokenFor('cart')
  const elsewhere = testAuthority(trustDomain)
  const { pem: cert, keyPem: key } = elsewhere.issue('control', { uris: [`spiffe://${trustDomain}/control`], dns: ['localhost'] })
  // It tells its own roots, as the true one would, and is polite to whoever believes it.
  const body = JSON.stringify({ trustDomain, roots: [elsewhere.root.pem], links: [] })
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n`
  await using impostor = await new Impostor({ cert, key }, head + body).listen()
  const lines: string[] = []
  const log = { info: () => {}, warn: (line: string) => lines.push(line), error: (line: string) => lines.push(line) }
  await using mesh = createMesh({ service: 'cart', control: `https://${impostor.address}`, token, lastGood: false, log })
  await mesh.ready()
  await eventually(() => impostor.connections > 2, 'it has tried more than once')
  const said = impostor.told.match(/^[A-Z]+ \S+ HTTP/gm) ?? []
  printFigures('a control API of another authority', { connections: impostor.connections, 'was asked': [...new Set(said)].join(', ') })
  expect(impostor.told).not.toContain(token.slice(0, 20))
  expect(impostor.told).not.toMatch(/authorization|CERTIFICATE REQUEST|\/v1\/documents|\/v1\/instances/i)
  expect([...new Set(said)]).toEqual(['GET /v1/identity/roots HTTP'])
  const { identity } = mesh.explain()
  expect(identity?.spiffeId).toBe('')
  expect(identity?.problem).toContain('fingerprint')
  expect(lines.join('\n')).not.toContain(token.slice(0, 20))
})
