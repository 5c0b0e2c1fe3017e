/** The face of mesh-grpc: a meshed channel for clients, and a server that is a member of the mesh. */
export type { MeshServer } from '@zerohop/mesh-core/transport'
export { serveGrpc } from './server/grpc-server.ts'
export type { GrpcServerOptions } from './server/server-options.ts'
