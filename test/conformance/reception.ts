/** Where visitors of a case come in: a mesh that is the service of cases, with an identity, under the case's policy. */
import { createMesh, type ErrorCode, type Mesh } from '@zerohop/mesh-core'
import { quietLog } from '../support/quiet-log.ts'
import type { Case, Visitor } from './case.ts'
import { provingToBe } from './identities.ts'
import { host } from './seen.ts'

/** A door with somebody behind it. */
export interface Reception {
  readonly mesh: Mesh
  /** '' where the visitor reached the handler; else the code of the refusal, which is all that it learns. */
  visit(visitor: Visitor): Promise<ErrorCode | ''>
  close(): Promise<void>
}

/** The mesh of a reception. */
export function receivingMesh(policy: Case['policy']): Mesh {
  return createMesh({ service: host, ...provingToBe(host), log: quietLog, policy: { ...policy, service: host } })
}
