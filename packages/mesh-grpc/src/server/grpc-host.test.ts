import { Server } from '@grpc/grpc-js'
import { expect, it } from 'vitest'
import { GrpcHost } from './grpc-host.ts'

const owner = { session: () => {}, stream: () => {} }

it.each(['http2Servers', 'handlers'])('a version of grpc-js without %s is told from one that fits, before anything is served', (field) => {
  const server = new Server()
  Object.defineProperty(server, field, { value: {} })
  expect(() => new GrpcHost(server, owner)).toThrow(/built otherwise than mesh-grpc needs \(a Server keeps maps/)
})

it('a server of another copy of grpc-js is told so', () => {
  const server = new Server()
  server.createConnectionInjector = () => {
    throw new TypeError('creds must be a ServerCredentials object')
  }
  expect(() => new GrpcHost(server, owner)).toThrow(/another copy of @grpc\/grpc-js/)
})

it('services are named by the paths of their handlers', () => {
  const server = new Server()
  const serve = (path: string): unknown => server.register(path, () => {}, Buffer.from, Buffer.from, 'unary')
  serve('/shop.Payment/Charge')
  serve('/shop.Payment/Refund')
  serve('/Bare/Call')
  const host = new GrpcHost(server, owner)
  expect([...host.services()]).toEqual(['shop.Payment', 'Bare'])
  expect([host.knows('/shop.Payment/Charge'), host.knows('/shop.Payment/charge')]).toEqual([true, false])
  host.destroy()
})
