import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TestAuthorities, willingWorld } from '../testing/test-authorities.ts'
import type { OwnCertificate } from './authority.ts'

let authorities: TestAuthorities
beforeEach(() => {
  authorities = new TestAuthorities()
})
afterEach(() => authorities.close())

interface Side {
  readonly own: { readonly certificates: string; readonly key: KeyObject }
  readonly roots: readonly string[]
}

/** What each end says of the other, as node judges it: '' where all is well. */
async function handshake(server: Side, client: Side): Promise<readonly [ofClient: string, ofServer: string]> {
  const settings = ({ own, roots }: Side) => ({
    cert: own.certificates,
    key: own.key.export({ type: 'pkcs8', format: 'pem' }),
    ca: [...roots],
    minVersion: 'TLSv1.3' as const,
    rejectUnauthorized: false,
  })
  const listener = createServer({ ...settings(server), requestCert: true }).listen(0, '127.0.0.1')
  try {
    await once(listener, 'listening')
    const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>
    const socket = connect({ ...settings(client), port: (listener.address() as AddressInfo).port, host: '127.0.0.1' })
    const [[atServer]] = await Promise.all([accepted, once(socket, 'secureConnect')])
    const problems = [atServer, socket].map(({ authorizationError }) => String(authorizationError ?? ''))
    socket.destroy()
    atServer.destroy()
    return [problems[0] as string, problems[1] as string]
  } finally {
    listener.close()
  }
}

test('while a root is turned over, whoever has heard of the new one and whoever has not believe each other; afterwards the old one counts for nothing', async () => {
  const authority = await authorities.open({ pace: { settleMs: 0 } })
  const own = (): Promise<OwnCertificate> => authority.own(['127.0.0.1'])
  const late: Side = { own: await own(), roots: authority.trust.roots }
  await authority.rotate()
  const informed: Side = { own: await own(), roots: authority.trust.roots }
  await authority.step(willingWorld)
  const renewed: Side = { own: await own(), roots: authority.trust.roots }
  const members = [late, informed, renewed]
  for (const server of members) for (const client of members) expect(await handshake(server, client)).toEqual(['', ''])
  await authority.step(willingWorld)
  const done: Side = { own: await own(), roots: authority.trust.roots }
  expect(authority.rotation.phase).toBe('none')
  expect(await handshake(done, renewed)).toEqual(['', ''])
  const refused = await handshake(done, late)
  expect(refused).toEqual([expect.stringMatching(/^(UNABLE_TO|SELF_SIGNED)/), expect.stringMatching(/^(UNABLE_TO|SELF_SIGNED)/)])
})
