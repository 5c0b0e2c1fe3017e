import { Server } from '@grpc/grpc-js'
import { createMesh, type EndpointInfo, type Registrar } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { serveGrpc } from './grpc-server.ts'

const silence = { info: () => {}, warn: () => {}, error: () => {} }

test('a server is listed when it listens, says that it takes mutual TLS, and is taken off before it turns anybody away', async () => {
  const said: (EndpointInfo | 'released')[] = []
  const registration: Registrar = {
    register: (_, server) => {
      said.push(server)
      return {
        relist: async (again) => void said.push(again),
        release: async () => void said.push('released'),
      }
    },
  }
  const identity = testAuthority().identitySource('cart')
  await using mesh = createMesh({ service: 'cart', zone: 'a', registration, identity, log: silence })
  const options = { port: 0, host: '127.0.0.1', version: 'v2', labels: { tier: 'gold' }, weight: 5, signals: false }
  const server = await serveGrpc(mesh, new Server(), options)
  const labels = { tier: 'gold', version: 'v2', 'zerohop-tls': 'mtls' }
  expect(said).toEqual([{ address: server.address, labels, zone: 'a', weight: 5 }])
  await server.close()
  expect(said.at(-1)).toBe('released')
})
