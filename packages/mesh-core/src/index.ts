/** The face for users of the mesh. */

export type { ControlExplanation } from './control/control-explanation.ts'
export type { Discovery, EndpointInfo, Freshness } from './kernel/discovery.ts'
export type { Identity, IdentitySource } from './kernel/identity.ts'
export type { Log } from './kernel/log.ts'
export { type AttemptRecord, type ErrorCode, MeshError } from './kernel/mesh-error.ts'
export type { Registrar } from './kernel/registrar.ts'
export type { VerdictName } from './kernel/verdict.ts'
export { type Watch, WatchSource } from './kernel/watch.ts'
export type { Explanation, IdentityExplanation, ServiceExplanation } from './mesh/explain.ts'
export { createMesh } from './mesh/mesh.ts'
export type { Mesh, MeshEvents } from './mesh/mesh-face.ts'
export type { MeshOptions } from './mesh/mesh-options.ts'
