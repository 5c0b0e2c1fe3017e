import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, Server, type ServiceDefinition } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { testMesh } from '@zerohop/mesh-core/testing'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { type ClientConstructor, meshClient, serveGrpc } from '@zerohop/mesh-grpc'
import { grpcReply, grpcService } from '@zerohop/mesh-grpc/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { quietLog } from '../support/quiet-log.ts'

type Charge = { card: string; cents: number; idempotencyKey: string }
type Charged = { version: string }
type Done<Reply> = (error: Error | null, reply?: Reply) => void
type PaymentClient = Client & { charge(request: Charge, done: Done<Charged>): void }
type Bank = { slowDown(ms: number): void }
type Ledger = { find(key: string): { cents: number; version: string } | undefined }
type Order = { id: string; user: string; card: string; cents: number; status: string; paidBy: string }

let data = ''
let shop: {
  PaymentClient: ClientConstructor<PaymentClient> & { readonly service: ServiceDefinition }
  answerOf<Reply>(begin: (done: Done<Reply>) => void): Promise<Reply>
  unary(answer: unknown): never
  charging(till: { ledger: Ledger; bank: Bank; version: string }): unknown
  Bank: new () => Bank
  Ledger: new () => Ledger
  Cashier: new (orders: object, payment: PaymentClient) => { take(order: Order): Promise<Order> }
  Orders: new () => object
}

// The shop publishes no face; its files read their settings when they are loaded, and open their databases when they are used.
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'shop-charges-'))
  process.env.SHOP_DATA = data
  const rooms = ['proto/payment', 'web/answer-of', 'web/unary', 'services/payment/charging', 'services/payment/bank']
  rooms.push('services/payment/ledger', 'services/cart/cashier', 'services/cart/orders')
  const faces = rooms.map((room) => import(new URL(`../../examples/ecommerce/${room}.ts`, import.meta.url).href))
  shop = Object.assign({}, ...(await Promise.all(faces)))
})

afterEach(() => {
  delete process.env.SHOP_DATA
  rmSync(data, { recursive: true, force: true })
})

/** Payment v1 and v2 on loopback, over one ledger, and a client as cart has it. */
async function openPayment(timeout: string) {
  const [bank, ledger] = [new shop.Bank(), new shop.Ledger()]
  const stack = new AsyncDisposableStack()
  const addressOf = async (version: string): Promise<string> => {
    const server = new Server()
    server.addService(shop.PaymentClient.service, { charge: shop.unary(shop.charging({ ledger, bank, version })) })
    const mesh = stack.use(createMesh({ service: 'payment', log: quietLog }))
    return (await serveGrpc(mesh, server, { port: 0, host: '127.0.0.1', signals: false })).address
  }
  const calling = async (address: string) => {
    const options = { discovery: staticEndpoints({ payment: [address] }), policy: { service: 'payment', timeout }, log: quietLog }
    const payment = meshClient(stack.use(createMesh({ service: 'cart', ...options })), 'payment', shop.PaymentClient)
    return (idempotencyKey: string, cents: number) =>
      shop.answerOf<Charged>((done) => payment.charge({ card: 'card-1', cents, idempotencyKey }, done))
  }
  const v1 = await calling(await addressOf('v1'))
  const v2 = await calling(await addressOf('v2'))
  return { bank, ledger, v1, v2, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe('a charge over gRPC', () => {
  test('is made once per key, by whichever version was asked first', async () => {
    await using payment = await openPayment('10s')
    expect(await payment.v1('o-1', 420)).toEqual({ idempotencyKey: 'o-1', cents: 420, version: 'v1' })
    expect(await payment.v2('o-1', 420)).toEqual({ idempotencyKey: 'o-1', cents: 420, version: 'v1' })
    await expect(payment.v2('o-1', 421)).rejects.toMatchObject({ status: 409, message: 'o-1 was already charged with another amount' })
    expect(payment.ledger.find('o-1')).toMatchObject({ cents: 420 })
    // Both find nothing, and wait for the bank together.
    const [first, second] = await Promise.all([payment.v1('o-2', 590), payment.v2('o-2', 590)])
    expect(first).toEqual(second)
  })

  test('names the field that is wrong', async () => {
    await using payment = await openPayment('10s')
    await expect(payment.v1('../o', 1)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('`idempotencyKey`') })
    await expect(payment.v1('', 1)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('`idempotencyKey`') })
    await expect(payment.v1('o-1', 4_000_000_000)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('`cents`') })
  })

  test('is not made for a cart whose time was over before the bank answered', async () => {
    await using payment = await openPayment('300ms')
    await payment.v1('o-1', 420)
    payment.bank.slowDown(60_000)
    await expect(payment.v1('o-2', 420)).rejects.toMatchObject({ status: 504 })
    // Known already, so that it asks no bank; it comes after the end of the one before.
    await payment.v1('o-1', 420)
    payment.bank.slowDown(0)
    await payment.v1('o-3', 420)
    expect(payment.ledger.find('o-2')).toBeUndefined()
  })
})

describe('an order', () => {
  const fates = [
    ['paid', 'OK'],
    ['declined', 'INVALID_ARGUMENT'],
    ['declined', 'FAILED_PRECONDITION'],
    ['saved', 'UNAVAILABLE'],
    ['saved', 'RESOURCE_EXHAUSTED'],
    ['saved', 'DEADLINE_EXCEEDED'],
    ['saved', 'INTERNAL'],
    ['saved', 'UNKNOWN'],
    ['saved', 'CANCELLED'],
    ['saved', 'PERMISSION_DENIED'],
    ['saved', 'UNAUTHENTICATED'],
  ] as const

  test.each(fates)('is %s where payment answers %s', async (status, answer) => {
    await using t = testMesh({ seed: 1, policy: { service: 'payment', retry: { attempts: 1 } } })
    t.service(
      'payment',
      {},
      grpcService(shop.PaymentClient.service, {
        Charge: () => (answer === 'OK' ? { version: 'v1' } : grpcReply.status(answer, 'no')),
      }),
    )
    const cashier = new shop.Cashier(new shop.Orders(), meshClient(t.mesh, 'payment', shop.PaymentClient))
    const order = { id: 'o-1', user: 'u-1', card: 'card-1', cents: 420, status: 'saved', paidBy: '' }
    expect(await cashier.take(order)).toMatchObject({ status, paidBy: status === 'paid' ? 'v1' : '' })
  })

  test('is sent again under the same key where payment was lost on the way, and is paid', async () => {
    await using t = testMesh({ seed: 1, policy: { service: 'payment', retry: { backoff: { base: '0ms', cap: '0ms' } } } })
    const payment = t.service(
      'payment',
      { instances: 2 },
      grpcService(shop.PaymentClient.service, {
        Charge: (_, n) => (n === 0 ? grpcReply.broken({ at: 'head' }) : { version: 'v1' }),
      }),
    )
    const cashier = new shop.Cashier(new shop.Orders(), meshClient(t.mesh, 'payment', shop.PaymentClient))
    const order = { id: 'o-1', user: 'u-1', card: 'card-1', cents: 420, status: 'saved', paidBy: '' }
    expect(await cashier.take(order)).toMatchObject({ status: 'paid', paidBy: 'v1' })
    expect(payment.calls).toHaveLength(2)
  })
})
