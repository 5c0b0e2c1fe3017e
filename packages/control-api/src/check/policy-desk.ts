/** Where changes of policies are handed in: judged, told in words, and made ready to be written. */
import { isDeepStrictEqual } from 'node:util'
import { formatPath } from '@zerohop/mesh-core/policy'
import { type PolicyChange, type PolicyStore, StaleRevision } from '../store/policy-store.ts'
import { audienceOf } from './audience.ts'
import { differences } from './difference.ts'
import type { FieldProblem } from './field-problem.ts'
import { judge } from './judge.ts'
import type { KnownClient, MeshView } from './mesh-view.ts'
import type { ProposedDocument } from './proposal.ts'

/** Why a change is not made. */
export class PolicyRefused extends Error {
  override readonly name = 'PolicyRefused'
  readonly code: 'bad_policy' | 'unknown_reference'
  readonly problems: readonly FieldProblem[]

  constructor(code: 'bad_policy' | 'unknown_reference', problems: readonly FieldProblem[]) {
    const [first, ...rest] = problems
    super(`${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'it is wrong'}${rest.length > 0 ? ` (and ${rest.length} more)` : ''}`)
    this.code = code
    this.problems = problems
  }
}

/** Changes that may be written. */
export interface Weighed {
  /** Only what differs from what is stored. */
  readonly changes: readonly PolicyChange[]
  readonly warnings: readonly string[]
  /** True where something stood against it that was overridden. */
  readonly forced: boolean
}

/** What would become of one proposed document. */
export interface Outlook {
  readonly service: string
  readonly action: 'create' | 'replace' | 'none'
  /** A sentence for each field. */
  readonly differences: readonly string[]
  /** Who would feel it, at most 1,000 of them by name. */
  readonly instances: readonly KnownClient[]
  /** All of it in one sentence. */
  readonly words: string
}

/** 20,000 documents of 256 KiB are more than any client could ask for, and an end to what one token can fill. */
const mostPolicies = 20_000

/** Judges by what is stored and by what is running at the moment. */
export class PolicyDesk {
  readonly #policies: PolicyStore
  readonly #meshView: MeshView

  constructor(policies: PolicyStore, meshView: MeshView) {
    this.#policies = policies
    this.#meshView = meshView
  }

  /**
   * @param force true: references that lead nowhere become warnings
   * @throws StaleRevision, PolicyRefused
   */
  async weigh(proposed: readonly ProposedDocument[], force: boolean): Promise<Weighed> {
    for (const { service, expected } of proposed) {
      const found = this.#policies.get(service)?.revision ?? 0
      if (expected !== undefined && expected !== found) throw new StaleRevision(service, expected, found)
    }
    const { bad, unknown, warnings } = await judge(proposed, this.#policies, this.#meshView)
    if (bad.length > 0) throw new PolicyRefused('bad_policy', bad)
    if (unknown.length > 0 && !force) throw new PolicyRefused('unknown_reference', unknown)
    const changes = proposed.filter(({ service, document }) => !isDeepStrictEqual(document, this.#stored(service)))
    this.#bound(changes)
    return {
      changes: changes.map(({ service, document, expected }) => ({ service, document, ...(expected === undefined ? {} : { expected }) })),
      warnings: [...unknown.map(({ path, message }) => `overridden: ${path}: ${message}`), ...warnings],
      forced: unknown.length > 0,
    }
  }

  /** What each of the documents would change, and for whom. */
  outlook(proposed: readonly ProposedDocument[]): readonly Outlook[] {
    return proposed.map(({ service, document }) => {
      const before = this.#stored(service)
      const found = differences(before, document)
      const action = before === null ? 'create' : found.length === 0 ? 'none' : 'replace'
      if (action === 'none') return { service, action, differences: [], instances: [], words: `${service}: nothing would change` }
      const { instances, words } = audienceOf(service, this.#meshView)
      return { service, action, differences: found, instances, words: `${service}: ${found.join('; ')}; ${words}` }
    })
  }

  #stored(service: string): Readonly<Record<string, unknown>> | null {
    return this.#policies.get(service)?.document ?? null
  }

  #bound(changes: readonly ProposedDocument[]): void {
    let count = [...this.#policies.all()].length
    for (const { service, document } of changes) {
      if (document === null) count -= 1
      else if (this.#stored(service) === null) count += 1
      if (count > mostPolicies) {
        const message = `there would be more than ${mostPolicies} policies`
        throw new PolicyRefused('bad_policy', [{ path: formatPath([service]), message }])
      }
    }
  }
}
