/** Registry and documents over stores in memory and a clock that a test turns. */
import type { LeaseRequest } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import { Documents } from '../document/documents.ts'
import { IndexCounter } from '../document/index-counter.ts'
import type { TrustSource } from '../document/trust-part.ts'
import { Registry } from '../registry/registry.ts'
import { memoryStores } from '../store/memory-stores.ts'
import type { Stores } from '../store/stores.ts'

const note = { by: 'test', action: 'put', forced: false }

/** The data plane without its sockets. */
export class TestPlane<C extends Clock = Clock> {
  readonly clock: C
  readonly stores: Stores
  registry!: Registry
  documents!: Documents
  readonly #trust: TrustSource | null

  constructor(clock: C, trust: TrustSource | null = null) {
    this.clock = clock
    this.#trust = trust
    this.stores = memoryStores(this.clock)
    this.start()
  }

  start(): void {
    const counter = new IndexCounter(this.stores.marks)
    const { policies, leases } = this.stores
    this.registry = new Registry({ store: leases, clock: this.clock, leaseMs: 30_000, nextIndex: () => counter.next() })
    this.documents = new Documents({ policies, registry: this.registry, counter, clock: this.clock, trust: this.#trust, random: () => 0 })
  }

  /** As a new process over the same stores. */
  restart(): void {
    this.documents.close()
    this.registry.close()
    this.start()
  }

  write(service: string, fields: Record<string, unknown> | null): void {
    const document = fields === null ? null : service === 'defaults' ? fields : { service, ...fields }
    this.stores.policies.write([{ service, document }], note)
  }

  lease(service: string, instance: string, rest: Partial<LeaseRequest> = {}): void {
    const request = { address: `${instance}:80`, labels: {}, zone: '', weight: 1, healthy: true, ...rest }
    this.registry.renew(service, instance, request)
  }
}
