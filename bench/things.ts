/** The service of things.proto, and how the contestants of `pnpm bench wire --grpc` call it. */
import { fileURLToPath } from 'node:url'
import { type Client, type ClientReadableStream, makeClientConstructor, type requestCallback, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { ClientConstructor } from '@zerohop/mesh-grpc'

/** What is asked for. */
export interface Wanted {
  readonly id?: number
  readonly count?: number
}

/** What is answered. */
export interface Thing {
  readonly id: number
  readonly name: string
  readonly price: number
  readonly tags: readonly string[]
  readonly text: string
}

interface ThingsClient extends Client {
  get(wanted: Wanted, done: requestCallback<Thing>): void
  list(wanted: Wanted): ClientReadableStream<Thing>
}

const name = 'bench.Things'
const all = loadSync(fileURLToPath(new URL('things.proto', import.meta.url)), { defaults: true })

/** As a generator would make it. */
export const Things = makeClientConstructor(all[name] as ServiceDefinition, name) as unknown as ClientConstructor<ThingsClient> & {
  readonly service: ServiceDefinition
}

/** One thing per call. */
export function getting(client: ThingsClient): () => Promise<Thing> {
  return () =>
    new Promise((resolve, reject) => {
      client.get({ id: 42 }, (error, thing) => (thing === undefined ? reject(error) : resolve(thing)))
    })
}

/** `count` things per call. */
export function listing(client: ThingsClient, count: number): () => Promise<void> {
  return () =>
    new Promise((resolve, reject) => {
      let taken = 0
      client
        .list({ count })
        .on('data', () => {
          taken++
        })
        .on('error', reject)
        .on('end', () => (taken === count ? resolve() : reject(new Error(`${taken} things of ${count} came`))))
    })
}
