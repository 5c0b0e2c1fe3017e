/** The face of mesh-grpc: a meshed channel for clients, and a server that is a member of the mesh. */

export { type MeshChannelOptions, meshChannel } from './client/mesh-channel.ts'
export { type ClientConstructor, type MeshClientOptions, meshClient } from './client/mesh-client.ts'
export { type MeshServer, serveGrpc } from './server/grpc-server.ts'
export type { GrpcServerOptions } from './server/server-options.ts'
