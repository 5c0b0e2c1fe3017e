/** Tests of how calls come aboard a connection. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createMesh } from '@zerohop/mesh-core'
import { type Endpoint, Expiry, partsOf } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { Connection } from './connection.ts'
import type { Passenger } from './passengers.ts'
import { echoing, upstream } from './upstream-under-test.ts'
import { WireOptionTable } from './wire-options.ts'

/** A connection that has just begun, alone in its mesh. */
async function connecting() {
  const server = await upstream(echoing)
  const mesh = createMesh({ service: 'shop' })
  const parts = partsOf(mesh)
  const [host = '', port] = server.address.split(':')
  const endpoint = { service: 'bytes', address: server.address, host, port: Number(port) } as Endpoint
  const options = new WireOptionTable().of({})
  const connections = { max: 1, idleMs: 1000, connectTimeoutMs: 5000, maxAgeMs: 60_000 }
  const settings = { service: 'bytes', codes: {}, connections, mtls: 'disabled', stream: null } as const
  const owner = { connectionReady: () => {}, connectionGone: () => {} }
  const connection = new Connection({ endpoint, parts, options, settings, secured: false }, owner)
  const end = async (): Promise<void> => {
    connection.destroy(new Error('the test is over'))
    await mesh.close({ graceMs: 0 })
    server.kill()
  }
  return { connection, parts, address: server.address, [Symbol.asyncDispose]: end }
}

/** Comes aboard; resolves with what it hears. */
function aboard(connection: Connection, { throws }: { throws?: Error } = {}): Promise<unknown> {
  return new Promise((resolve) => {
    const connected = (): void => {
      if (throws !== undefined) throw throws
      resolve('connected')
    }
    const passenger: Passenger = { connected, denied: resolve, broke: resolve }
    connection.enter(passenger)
  })
}

test('a call does not begin on a connection of which a certificate has expired while the call waited', async () => {
  await using ground = await connecting()
  const { connection, parts, address } = ground
  expect(await aboard(connection)).toBe('connected')
  connection.expiry = new Expiry(Date.now(), parts.clock.now())
  const listener = { onReceiveMetadata: () => {}, onReceiveMessage: () => {}, onReceiveStatus: () => {} }
  const open = () => connection.openStream({}, { path: '/bytes/Unary', host: null }, listener)
  expect(open).toThrow(`a certificate of the connection to ${address} expired before the call began`)
})

test('a call that throws as it comes aboard ends alone: those behind it come aboard', async () => {
  await using ground = await connecting()
  const bug = new Error('a bug')
  const heard = [aboard(ground.connection, { throws: bug }), aboard(ground.connection)]
  expect(await Promise.all(heard)).toEqual([bug, 'connected'])
})

test('calls that waited for one connection come aboard each in its own context', async () => {
  await using ground = await connecting()
  const request = new AsyncLocalStorage<string>()
  const heard = ['one', 'two'].map((name) =>
    request.run(name, () => {
      const { promise, resolve } = Promise.withResolvers<unknown>()
      const connected = (): void => resolve(request.getStore())
      ground.connection.enter({ connected, denied: resolve, broke: resolve })
      return promise
    }),
  )
  expect(await Promise.all(heard)).toEqual(['one', 'two'])
})
