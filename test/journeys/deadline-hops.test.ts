import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Metadata, Server, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshClient, serveGrpc } from '@zerohop/mesh-grpc'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { expect, test } from 'vitest'
import { quietLog } from '../support/quiet-log.ts'
import { WaterWorksClient, waterWorks } from '../support/water-works.ts'

const budgetMs = 2000
const workMs = 60

test('the time of a caller shrinks hop by hop, from HTTP to gRPC and back to HTTP, and ends a call three services away', async () => {
  const told: number[] = []
  const at = { port: 0, host: '127.0.0.1', signals: false }
  const timeOf = (headers: NodeJS.Dict<string | string[]>): number => Number(headers['zerohop-timeout'])

  let answers = true
  const left = Promise.withResolvers<void>()
  const ledger = createServer((request, response) => {
    told.push(timeOf(request.headers))
    if (answers) response.end('booked')
    else response.on('close', left.resolve)
  }).listen(0, '127.0.0.1')
  await once(ledger, 'listening')
  const member = (service: string, knows: Record<string, readonly string[]>) =>
    createMesh({
      service,
      log: quietLog,
      discovery: staticEndpoints(knows),
      // What the services further on would allow does not count.
      policy: [
        { timeout: '15s', retry: { attempts: 1 } },
        { service: 'orders', timeout: budgetMs },
      ],
    })

  await using payment = member('payment', { ledger: [`127.0.0.1:${(ledger.address() as AddressInfo).port}`] })
  const server = new Server()
  server.addService(waterWorks, {
    ask: async (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      told.push(Number(call.getDeadline()) - Date.now())
      await pause(workMs)
      const answer = await meshFetch(payment)('http://ledger/').then((reply) => reply.text(), String)
      callback(null, Buffer.from(answer))
    },
  })
  const charging = await serveGrpc(payment, server, at)
  await using orders = member('orders', { payment: [charging.address] })
  const client = meshClient(orders, 'payment', WaterWorksClient)
  const ordering = await serveHttp(
    orders,
    async (request, response) => {
      told.push(timeOf(request.headers))
      await pause(workMs)
      client.ask(Buffer.alloc(0), new Metadata(), {}, (error, answer) => response.end(error?.message ?? String(answer)))
    },
    at,
  )
  await using shop = member('shop', { orders: [ordering.address] })

  expect(await meshFetch(shop)('http://orders/').then((reply) => reply.text())).toBe('booked')
  const [first = 0, second = 0, third = 0] = told
  expect(told.length).toBe(3)
  expect(first).toBeLessThanOrEqual(budgetMs)
  expect(second).toBeLessThanOrEqual(first - workMs + 2)
  expect(third).toBeLessThanOrEqual(second - workMs + 2)
  expect(third).toBeGreaterThan(budgetMs / 2)

  answers = false
  const began = performance.now()
  // The clocks of two meshes ring for the same moment: either may be the first to say so.
  const status = await meshFetch(shop)('http://orders/').then(
    (reply) => reply.status,
    () => 504,
  )
  expect(status).toBe(504)
  await left.promise
  expect(performance.now() - began).toBeLessThan(budgetMs + 500)
  ledger.close()
  ledger.closeAllConnections()
})
