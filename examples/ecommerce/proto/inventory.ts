/** The service that inventory.proto describes, for TypeScript. */
import type { Client, ClientUnaryCall, requestCallback } from '@grpc/grpc-js'
import { protoService } from './proto-service.ts'

export interface StockRequest {
  readonly skus: readonly string[]
}

export interface StockReply {
  readonly units: Readonly<Record<string, number>>
}

export interface ReserveRequest {
  readonly order: string
  readonly sku: string
  readonly units: number
}

export interface ReleaseRequest {
  readonly order: string
}

/** Says nothing but that it is done. */
export type Done = Readonly<Record<string, never>>

export interface InventoryClient extends Client {
  stock(request: StockRequest, done: requestCallback<StockReply>): ClientUnaryCall
  reserve(request: ReserveRequest, done: requestCallback<Done>): ClientUnaryCall
  release(request: ReleaseRequest, done: requestCallback<Done>): ClientUnaryCall
}

export const InventoryClient = protoService<InventoryClient>('inventory.proto', 'shop.inventory.Inventory')
