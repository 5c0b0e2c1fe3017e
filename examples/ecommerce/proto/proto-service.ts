/** Makes the client of a service that a proto of this folder describes. */
import { fileURLToPath } from 'node:url'
import { type Client, makeClientConstructor, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { ClientConstructor } from '@zerohop/mesh-grpc'

/** A client as grpc-js knows it, with the definition that a server takes. */
export interface ProtoService<C extends Client> extends ClientConstructor<C> {
  readonly service: ServiceDefinition
}

/** Reads `file` when the process starts. A field that was not sent reads as '', 0 or empty, which is what it stands for in proto3. @throws Error */
export function protoService<C extends Client>(file: string, name: string): ProtoService<C> {
  const all = loadSync(fileURLToPath(new URL(file, import.meta.url)), { defaults: true })
  if (!(name in all)) throw new Error(`${file} has no service ${name}`)
  return makeClientConstructor(all[name] as ServiceDefinition, name) as unknown as ProtoService<C>
}
