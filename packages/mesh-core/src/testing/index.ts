/** The face for tests: virtual time, scripted bottoms, and a mesh without sockets. */
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { type MemoryHandler, MemoryNetwork } from './memory-network.ts'
export type { TestClock } from './real-clock.ts'
export {
  CountedReply,
  type ScriptEntry,
  type ScriptedAnswer,
  type ScriptedAttempt,
  type ScriptedSend,
  type ScriptedStep,
  scriptedSend,
} from './scripted-send.ts'
export { seededRandom } from './seeded-random.ts'
export {
  type TestAuthority,
  type TestCertificate,
  type TestCertificateOptions,
  type TestIdentitySource,
  testAuthority,
} from './test-authority.ts'
export {
  type ServiceHandler,
  type TestCall,
  type TestInstance,
  type TestMesh,
  type TestMeshOptions,
  type TestService,
  type TestServiceOptions,
  type TestWire,
  type TestWireServer,
  testMesh,
} from './test-mesh.ts'
