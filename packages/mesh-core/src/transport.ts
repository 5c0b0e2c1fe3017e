/** The face for authors of a wire: everything between a protocol and the mesh. */

export type { Advertised } from './control/registration.ts'
export { connectionCheck } from './dialing/connection-check.ts'
export { ConnectionTable, type EndpointConnections } from './dialing/connection-table.ts'
export { Dial, type DialEnd, type Dialled } from './dialing/dial.ts'
export { isSecured } from './dialing/secured.ts'
export type { CheckWay } from './health/health-checks.ts'
export { Expiry, expiryOf } from './identity/expiry.ts'
export { type ForeignGround, type ForeignTexts, foreignIdentity, isSameIdentity } from './identity/foreign-identity.ts'
export { type CalledOver, checkServer, secureClient } from './identity/secure-client.ts'
export { type DoorGround, type DoorOptions, type Entrance, ServerDoor } from './identity/server-door.ts'
export { Ambient, currentAmbient, runUnder } from './kernel/ambient.ts'
export { BackoffRounds } from './kernel/backoff-rounds.ts'
export { bottomSend } from './kernel/bottom.ts'
export { Call, type CallKind, type CallStart, type Waiting } from './kernel/call.ts'
export { attemptRecord, callError } from './kernel/call-error.ts'
export { callerAddress } from './kernel/caller-address.ts'
export { type Clock, type Random, systemClock, type Timer } from './kernel/clock.ts'
export type { Endpoint } from './kernel/endpoint.ts'
export {
  type Caller,
  type Identity,
  type IdentitySource,
  type MtlsMode,
  mtlsLabel,
  mtlsLabelValue,
  type Peer,
  stranger,
  type TrustBundle,
} from './kernel/identity.ts'
export { type Layer, type Send, stack } from './kernel/layer.ts'
export { harmless, type Log, stderrLog } from './kernel/log.ts'
export { type ErrorCode, errorTable, MeshError } from './kernel/mesh-error.ts'
export type { Network } from './kernel/network.ts'
export { type Answer, ended, expired, Outcome, type Reply, refusal, type Settler, wholeOutcome } from './kernel/outcome.ts'
export { refusalWord, refusedHeader } from './kernel/refusal-word.ts'
export type { Registered, Registrar } from './kernel/registrar.ts'
export { Rest } from './kernel/rest.ts'
export type { TraceContext } from './kernel/span.ts'
export { Alarm, type AlarmOwner, TimerWheel } from './kernel/timer-wheel.ts'
export * from './kernel/verdict.ts'
export { WatchedFile } from './kernel/watched-file.ts'
export { doorGround } from './mesh/door-ground.ts'
export { type Closable, type MeshParts, partsOf } from './mesh/mesh-face.ts'
export { acceptBaggage, formatTraceparent, type HeaderLines, parseTraceContext } from './observe/trace-context.ts'
export type { CodesPolicy, ConnectionsPolicy, HealthPolicy, StreamPolicy } from './policy/index.ts'
export { Attendance } from './serving/attendance.ts'
export type { LeavingServer } from './serving/departure.ts'
export type { Readiness } from './serving/readiness.ts'
export {
  isBoolean,
  isFunction,
  isWhole,
  type OptionCheck,
  type ServerOptions,
  type ServerSettings,
  serverOptionChecks,
  serverSettings,
} from './serving/server-options.ts'
export { type ServingWire, StandingServer } from './serving/standing-server.ts'
export type { Destination, Inbound } from './stack/destination.ts'
export type { InboundWire } from './stack/server-stack.ts'
export type { BottomSettings, Wire } from './stack/wire.ts'
