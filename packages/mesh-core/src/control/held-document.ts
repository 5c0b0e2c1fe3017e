/** The document that a client holds, and how an answer is laid over it: whole, verified by its hashes, or not at all. */
import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import type { EndpointInfo } from '../kernel/discovery.ts'
import { EndpointsHash, endpointHash } from '../policy/endpoints-hash.ts'
import { controlDocumentSchema, endpointRecordSchema, type TrustSection } from '../policy/exchange.ts'
import { nameSchema } from '../policy/schema.ts'
import { checkedAs, jsonIn } from './answer-reading.ts'
import { ControlFailure } from './control-failure.ts'

/** One policy section. */
export interface HeldPolicy {
  readonly hash: string
  readonly document: Readonly<Record<string, unknown>> | null
}

/** One list of endpoints, with what its next delta needs. */
export interface HeldEndpoints {
  readonly hash: string
  readonly list: readonly EndpointInfo[]
  readonly byAddress: ReadonlyMap<string, { readonly info: EndpointInfo; readonly part: bigint }>
}

/** A whole document as the control API has it. */
export interface HeldDocument {
  readonly version: string
  readonly revision: number
  /** By the name of the service, `defaults` among them. */
  readonly policies: ReadonlyMap<string, HeldPolicy>
  readonly endpoints: ReadonlyMap<string, HeldEndpoints>
  /** Whom the members of the mesh believe; null where the control API says nothing of it. */
  readonly trust: TrustSection | null
}

// Records are checked when it is their turn, so that a list of 10,000 does not hold the process for the time of all of them.
const envelopeSchema = controlDocumentSchema.extend({ endpoints: z.record(nameSchema, z.unknown()) })
const looseSectionSchema = z.union([
  z.object({ hash: z.string().max(64), full: z.array(z.unknown()) }),
  z.object({ hash: z.string().max(64), from: z.string().max(64), put: z.array(z.unknown()), drop: z.array(z.string()) }),
])

/** An answer whose frame has been checked; its endpoints have not. */
export type Answer = z.output<typeof envelopeSchema>

// About 2 ms of checking and hashing.
const slice = 256

/** Reads the body of an answer. @throws ControlFailure garbage with the path of the field */
export function readAnswer(body: Buffer): Answer {
  return checkedAs(envelopeSchema, jsonIn(body), [])
}

/** The epoch of a version: which life of a store it is from. */
export function epochOf(version: string): string {
  return version.slice(0, version.indexOf('.'))
}

/** The index of a version: it only grows within an epoch. */
export function indexOf(version: string): number {
  return Number(version.slice(version.indexOf('.') + 1))
}

/**
 * Lays an answer over `base`, null for nothing: the new document, or null where what the answer builds on is not held.
 * @throws ControlFailure garbage, wrong_hash; foreign where it has a section of a service that was not asked for: what a cache, or a wrong
 * route, brings is somebody else's document, and taken for ours it would end every policy
 */
export async function laidOver(
  base: HeldDocument | null,
  answer: Answer,
  wanted: (service: string) => boolean,
): Promise<HeldDocument | null> {
  const policies = new Map<string, HeldPolicy>()
  const endpoints = new Map<string, HeldEndpoints>()
  let trust: TrustSection | null = null
  for (const [section, hash] of Object.entries(answer.sections)) {
    if (section === 'trust') {
      trust = answer.trust ?? base?.trust ?? null
      if (trust?.hash !== hash) return null
      checkRoots(trust)
      continue
    }
    const [kind, service] = split(section)
    // Other kinds are from a newer control API: there is nothing here that reads them.
    if (kind !== 'policy' && kind !== 'endpoints') continue
    if (!wanted(service)) throw new ControlFailure('foreign', `the answer has the section ${section.slice(0, 80)}, which was not asked for`)
    if (kind === 'policy') {
      const policy = Object.hasOwn(answer.policies, service) ? answer.policies[service] : base?.policies.get(service)
      if (policy?.hash !== hash) return null
      policies.set(service, policy)
    } else {
      const before = base?.endpoints.get(service)
      const list = Object.hasOwn(answer.endpoints, service) ? await endpointsOf(service, answer.endpoints[service], before) : before
      if (list?.hash !== hash) return null
      endpoints.set(service, list)
    }
  }
  return { version: answer.version, revision: answer.revision, policies, endpoints, trust }
}

async function endpointsOf(service: string, value: unknown, before: HeldEndpoints | undefined): Promise<HeldEndpoints | undefined> {
  const section = checkedAs(looseSectionSchema, value, ['endpoints', service])
  if ('full' in section) {
    const whole = await collect(service, new Map(), section.full)
    if (whole.list.length !== section.full.length) throw new ControlFailure('garbage', `endpoints.${service}.full lists an address twice`)
    return verified(service, whole, section.hash)
  }
  if (before === undefined || before.hash !== section.from) return undefined
  const byAddress = new Map(before.byAddress)
  for (const address of section.drop) byAddress.delete(address)
  // One that does not add up is no reason to doubt the server: what is held here may be what is wrong. Whoever compares the hash asks for all of it.
  return collect(service, byAddress, section.put)
}

function verified(service: string, list: HeldEndpoints, hash: string): HeldEndpoints {
  if (list.hash !== hash)
    throw new ControlFailure('wrong_hash', `endpoints.${service} is said to have the hash ${hash}, and has ${list.hash}`)
  return list
}

async function collect(
  service: string,
  byAddress: Map<string, { info: EndpointInfo; part: bigint }>,
  records: readonly unknown[],
): Promise<HeldEndpoints> {
  for (const [index, value] of records.entries()) {
    if (index > 0 && index % slice === 0) await breathe()
    const info = checkedAs(endpointRecordSchema, value, ['endpoints', service, index])
    byAddress.set(info.address, { info, part: endpointHash(info) })
  }
  const hash = new EndpointsHash()
  for (const { part } of byAddress.values()) hash.add(part)
  return { hash: hash.text, list: [...byAddress.values()].map(({ info }) => info), byAddress }
}

// Later it would be in force already, and nobody left who could be told.
function checkRoots({ roots }: TrustSection): void {
  for (const [index, root] of roots.entries()) {
    try {
      if (new X509Certificate(root).ca) continue
    } catch {
      // Said below.
    }
    throw new ControlFailure('garbage', `trust.roots[${index}]: it is no certificate of an authority in PEM`)
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function split(section: string): [kind: string, service: string] {
  const slash = section.indexOf('/')
  return [section.slice(0, slash), section.slice(slash + 1)]
}

/** True where a section of one is not in the other. */
export function differ(a: HeldDocument, b: HeldDocument): boolean {
  if (a.trust?.hash !== b.trust?.hash) return true
  return [a.policies, a.endpoints].some((before, index) => {
    const after: ReadonlyMap<string, { readonly hash: string }> = index === 0 ? b.policies : b.endpoints
    return before.size !== after.size || [...after].some(([service, { hash }]) => before.get(service)?.hash !== hash)
  })
}
