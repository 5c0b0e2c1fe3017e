/** The service that payment.proto describes, for TypeScript. */
import type { Client, ClientUnaryCall, requestCallback } from '@grpc/grpc-js'
import { protoService } from './proto-service.ts'

export interface ChargeRequest {
  readonly card: string
  readonly cents: number
  readonly idempotencyKey: string
}

export interface ChargeReply {
  readonly idempotencyKey: string
  readonly cents: number
  readonly version: string
}

export interface PaymentClient extends Client {
  charge(request: ChargeRequest, done: requestCallback<ChargeReply>): ClientUnaryCall
}

export const PaymentClient = protoService<PaymentClient>('payment.proto', 'shop.payment.Payment')
