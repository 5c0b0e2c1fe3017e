/** Says how the mesh is: what each process has applied or refused, and what somebody should look at. */
import { schemaLevel } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { Documents } from './documents.ts'
import type { Interest } from './interest.ts'
import type { PollingClient } from './polling-client.ts'
import type { ServiceSections } from './service-sections.ts'
import type { VersionWatch } from './version-watch.ts'

/** One process that polls. */
export interface InstanceStatus {
  readonly service: string
  readonly instance: string
  readonly sdk: string
  readonly schema: number
  /** The version that it applied; null for none of this epoch and run. */
  readonly applied: string | null
  /** True where nothing of its document has changed since. */
  readonly current: boolean
  readonly refused: { readonly version: string; readonly reason: string } | null
  /** Policies that it does not fully get, because it reads an older schema. */
  readonly misses: readonly string[]
  /** True while a poll of it is parked. */
  readonly parked: boolean
  /** Since it was last heard of. */
  readonly ageMs: number
}

/** Something to look at. */
export interface StatusWarning {
  readonly code: 'lost_version' | 'old_schema' | 'no_instances' | 'refused_policy'
  readonly service: string
  readonly message: string
}

/** What a status is read from. */
export interface StatusParts {
  readonly documents: Documents
  readonly versions: VersionWatch
  readonly clock: Clock
}

/** The processes that poll, all or those of one service. */
export function instanceStatuses({ documents, clock }: StatusParts, service?: string): InstanceStatus[] {
  const found: InstanceStatus[] = []
  for (const client of documents.clients.all()) {
    if (service !== undefined && client.service !== service) continue
    const { instance, sdk, schema, applied, refused } = client
    found.push({
      service: client.service,
      instance,
      sdk,
      schema,
      applied: applied < 0 ? null : documents.versionAt(applied),
      current: documents.isCurrent(client),
      refused,
      misses: missedBy(client),
      parked: client.reply !== null,
      ageMs: Math.max(0, Math.round(clock.now() - client.heardAt)),
    })
  }
  return found
}

/** What somebody should look at, all or what concerns one service. */
export function statusWarnings({ documents, versions }: StatusParts, service?: string): StatusWarning[] {
  const found: StatusWarning[] = []
  for (const lost of versions.lost()) {
    const since = lost.goneAt === null ? 'and none has been since the control API started' : `the last one went at ${dated(lost.goneAt)}`
    const message = `The policy of ${lost.service} sends calls to ${lost.version}, and no instance of it holds a lease: ${since}.`
    found.push({ code: 'lost_version', service: lost.service, message })
  }
  for (const sections of documents.catalog.all()) if (isDeserted(sections)) found.push(noInstances(sections.name))
  for (const client of documents.clients.all()) {
    const misses = missedBy(client)
    if (misses.length > 0) found.push(oldSchema(client, misses))
    if (client.refused !== null) found.push(refusal(client))
  }
  return service === undefined ? found : found.filter((warning) => warning.service === service)
}

function missedBy({ schema, interest }: PollingClient): string[] {
  if (schema >= schemaLevel || interest === null) return []
  return [...sectionsOf(interest)].filter(({ policy }) => policy !== null && policy.fullFrom > schema).map(({ name }) => name)
}

function sectionsOf({ defaults, own, uses }: Interest): Set<ServiceSections> {
  return new Set([defaults, own, ...uses])
}

function isDeserted({ name, policy, roll }: ServiceSections): boolean {
  return name !== 'defaults' && policy !== null && roll === undefined && policy.document.external !== true
}

function noInstances(service: string): StatusWarning {
  return { code: 'no_instances', service, message: `${service} has a policy, and no instance of it holds a lease.` }
}

function oldSchema({ service, instance, schema, sdk }: PollingClient, misses: readonly string[]): StatusWarning {
  const message = `${service}/${instance} (sdk ${sdk || 'unknown'}) reads schema level ${schema}, the newest is ${schemaLevel}: it does not fully get the policies of ${misses.join(', ')}.`
  return { code: 'old_schema', service, message }
}

function refusal({ service, instance, refused }: PollingClient): StatusWarning {
  const message = `${service}/${instance} refused the policies of ${refused?.version}: ${refused?.reason || 'it does not say why'}.`
  return { code: 'refused_policy', service, message }
}

function dated(at: number): string {
  return new Date(at).toISOString()
}
