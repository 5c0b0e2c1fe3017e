import { randomBytes } from 'node:crypto'
import { MeshError } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { mtlsLabel, mtlsLabelValue, partsOf } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { Impostor, type ShownPapers } from '../support/impostor.ts'
import { type Given, knockSecured, knockWith } from '../support/knock.ts'
import { metricIn } from '../support/metric-in.ts'
import { SecuredMember } from '../support/secured-member.ts'

const leafLifeMs = 10_000
const trustDomain = 'shop.internal'

/** What a member proves itself by: papers that a thief could have. */
function papersOf({ mesh }: SecuredMember): ShownPapers {
  const identity = partsOf(mesh).identity?.current
  if (identity === undefined) throw new Error('it has no identity')
  return { cert: identity.certificates, key: identity.key.export({ type: 'pkcs8', format: 'pem' }) as string }
}

/** Papers of `shop` that another authority has made. */
function forged(domain: string, issuer?: 'self'): ShownPapers {
  const { pem: cert, keyPem: key } = testAuthority(domain).issue('shop', issuer === undefined ? {} : { issuer })
  return { cert, key }
}

// What somebody sends who looks what is there: the beginnings of other protocols, of handshakes, and noise.
const scans: readonly (string | Buffer)[] = [
  Buffer.from([0x16]),
  Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x40, 0x00]), randomBytes(16_384)]),
  Buffer.from('16030100050100000100', 'hex'),
  Buffer.from('8080010301005700000020', 'hex'),
  'SSH-2.0-scanner\r\n',
  'GET /\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  `GET / HTTP/1.1\r\nhost: stock\r\nx: ${'x'.repeat(200_000)}\r\n\r\n`,
  Buffer.alloc(70_000),
  randomBytes(4096),
]

test('whoever is not a member, or not the right one, is turned away and counted by the reason, learns nothing, and harms nobody', async () => {
  await using control = await ControlProcess.start('--tls', 'on', '--leaf-life', `${leafLifeMs / 1000}s`, '--trust-domain', trustDomain)
  await control.write('stock', { access: { mtls: 'strict', allow: [{ from: ['shop'] }] } })
  const start = async (service: string, serves: boolean): Promise<SecuredMember> =>
    SecuredMember.start({ service, control: control.url, token: await control.tokenFor(service), serves })
  await using stock = await start('stock', true)
  await using shop = await start('shop', false)
  await using intruder = await start('intruder', false)
  const { port } = stock
  const stolen = papersOf(intruder)
  const stolenUntil = partsOf(intruder.mesh).identity?.current?.notAfter ?? 0
  const shops = papersOf(shop)
  const shopsUntil = partsOf(shop.mesh).identity?.current?.notAfter ?? 0
  const metrics = (): Promise<string> => stock.mesh.metrics()
  const figures: Record<string, number> = {}

  /** Nothing but an end, and one more of that reason. */
  const isTurnedAway = async (reason: string, knock: () => Promise<Given>): Promise<void> => {
    const count = async (): Promise<number> => metricIn(await metrics(), 'zerohop_peers_refused_total', `reason="${reason}"`)
    const before = await count()
    const { text, error } = await knock()
    expect([reason, text]).toEqual([reason, ''])
    expect(['', 'ECONNRESET', 'EPIPE'], reason).toContain(error)
    await eventually(async () => (await count()) === before + 1, `one more is counted as ${reason}`)
    expect(await shop.call('stock')).toBe('stock-1')
    figures[reason] = before + 1
  }

  await isTurnedAway('no_certificate', () => knockSecured({ port }))
  await isTurnedAway('self_signed', () => knockSecured({ port, papers: forged(trustDomain, 'self') }))
  await isTurnedAway('untrusted', () => knockSecured({ port, papers: forged(trustDomain) }))
  await isTurnedAway('wrong_trust_domain', () => knockSecured({ port, papers: forged('elsewhere.example') }))
  // An old TLS is told that its version is not spoken, as anybody is.
  const old = await knockSecured({ port, papers: shops, options: { maxVersion: 'TLSv1.2' } })
  expect(old).toEqual({ text: '', error: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })

  // In plaintext, and as a member who may not: refused by a word that says nothing.
  const plain = await knockWith(port, 'GET / HTTP/1.1\r\nhost: stock\r\nconnection: close\r\n\r\n')
  const wrong = await knockSecured({ port, papers: stolen })
  for (const [{ text }, word] of [
    [plain, 'MTLS_REQUIRED'],
    [wrong, 'FORBIDDEN'],
  ] as const) {
    const [head = '', body] = text.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(head).not.toMatch(/shop|stock|spiffe|allow|rule|polic|zerohop/i)
    expect(body).toBe(`{"error":"${word}"}\n`)
  }
  await expect(intruder.call('stock')).rejects.toThrow('stock answered 403')
  expect(metricIn(await metrics(), 'zerohop_access_refused_total', 'reason="mtls_required"', 'caller="127.0.0.1"')).toBe(1)
  expect(metricIn(await metrics(), 'zerohop_access_refused_total', 'reason="not_allowed"', 'caller="intruder"')).toBe(2)

  // The other way round: who answers is another one than was called.
  const { pem: cert, keyPem: key } = testAuthority(trustDomain).issue('pay')
  for (const papers of [stolen, { cert, key }]) {
    await using impostor = await new Impostor(papers, 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npaid').listen()
    const service = papers === stolen ? 'pay' : 'bill'
    await control.lease(service, `${service}-1`, { address: impostor.address, labels: { [mtlsLabel]: mtlsLabelValue } })
    const error = await shop.call(service).then(String, (reason: Error) => reason)
    expect(MeshError.is(error) && [error.code, /spiffe:\/\/shop\.internal\/svc\/(?:pay|bill)/.test(error.message)]).toEqual([
      'WRONG_PEER',
      true,
    ])
    if (papers === stolen) expect((error as Error).message).toContain('spiffe://shop.internal/svc/intruder')
    expect(impostor.connections).toBeGreaterThan(0)
    expect(impostor.told).toBe('')
    figures[`told to the impostor as ${service}`] = impostor.told.length
  }

  const answers = await Promise.all(scans.map((bytes) => knockWith(port, bytes)))
  for (const { text } of answers) expect(text).not.toMatch(/HTTP\/1\.1 200|stock-1|spiffe|zerohop_/)
  expect(await shop.call('stock')).toBe('stock-1')

  // A certificate that was good once.
  await eventually(() => Date.now() > Math.max(stolenUntil, shopsUntil), 'the papers have expired', 2 * leafLifeMs)
  await isTurnedAway('expired', () => knockSecured({ port, papers: shops }))
  expect(stock.lines.join('\n')).toMatch(
    /its certificate has expired \(spiffe:\/\/shop\.internal\/svc\/shop; valid from \S+ until \S+, and it is \S+ here\), from 127\.0\.0\.1/,
  )
  expect(stock.lines.join('\n')).not.toContain('PRIVATE KEY')
  expect(metricIn(await metrics(), 'zerohop_peers_refused_total', 'reason="handshake_failed"')).toBeGreaterThan(1)
  printFigures('strangers at the door', { ...figures, scans: answers.length, 'after that': await shop.call('stock') })
}, 60_000)
