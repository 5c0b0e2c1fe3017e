/** The one word that makes a client of grpc-js a client of the mesh. */
import { type ChannelCredentials, type ClientOptions, credentials, type ServiceDefinition } from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import { type MeshChannelOptions, meshChannel } from './mesh-channel.ts'

/** A client as generators and `makeClientConstructor` make it. */
export interface ClientConstructor<C> {
  new (address: string, channelCredentials: ChannelCredentials, options?: ClientOptions): C
  /** Left out by some generators. */
  readonly service?: ServiceDefinition
}

/** What `meshClient` may be told: everything that the client takes, and everything that the channel takes. */
export type MeshClientOptions = ClientOptions & MeshChannelOptions

/** A client whose calls go to `service` over the mesh. What its methods are like is read from `Client.service`. */
export function meshClient<C>(
  mesh: Mesh,
  service: string,
  ...[Client, options = {}]: [client: ClientConstructor<C>, options?: MeshClientOptions]
): C {
  if (typeof Client !== 'function')
    throw new TypeError('client: expected the constructor of a client of grpc-js, such as a generator makes it')
  const { definition = Client.service, ...rest } = options
  const channelOverride = meshChannel(mesh, service, definition === undefined ? rest : { ...rest, definition })
  return new Client(service, credentials.createInsecure(), { ...rest, channelOverride })
}
