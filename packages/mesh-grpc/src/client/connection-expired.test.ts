import { createMesh } from '@zerohop/mesh-core'
import { type Endpoint, Expiry, partsOf } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { Connection } from './connection.ts'
import { echoing, upstream } from './upstream-under-test.ts'
import { WireOptionTable } from './wire-options.ts'

test('a call does not begin on a connection of which a certificate has expired while the call waited', async () => {
  await using server = await upstream(echoing)
  await using mesh = createMesh({ service: 'shop' })
  const parts = partsOf(mesh)
  const [host = '', port] = server.address.split(':')
  const endpoint = { service: 'bytes', address: server.address, host, port: Number(port) } as Endpoint
  const options = new WireOptionTable().of({})
  const connections = { max: 1, idleMs: 1000, connectTimeoutMs: 5000, maxAgeMs: 60_000 }
  const settings = { service: 'bytes', codes: {}, connections, mtls: 'disabled', stream: null } as const
  const owner = { connectionReady: () => {}, connectionGone: () => {} }
  const connection = new Connection({ endpoint, parts, options, settings, secured: false }, owner)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  connection.enter({ connected: resolve, denied: reject })
  await promise
  connection.expiry = new Expiry(Date.now(), parts.clock.now())
  const listener = { onReceiveMetadata: () => {}, onReceiveMessage: () => {}, onReceiveStatus: () => {} }
  const open = () => connection.openStream({}, { path: '/bytes/Unary', host: null }, listener)
  expect(open).toThrow(`a certificate of the connection to ${server.address} expired before the call began`)
  connection.destroy(new Error('the test is over'))
})
