/** HTTP for the mesh: the public face. */
export type { MeshCallOptions } from './client/call-options.ts'
export type { MeshRequestInit } from './client/fetch-request.ts'
export { type MeshFetch, meshFetch } from './client/mesh-fetch.ts'
export type { HttpApp } from './server/exchange.ts'
export { type MeshServer, serveHttp } from './server/http-server.ts'
export type { HttpServerOptions } from './server/server-options.ts'
export type { UpgradeHandler } from './server/upgrade.ts'
