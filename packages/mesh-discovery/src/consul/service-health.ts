/** Reads Consul's answer about the health of a service: who can be called, and with which labels, zone and weight. */
import { isIPv6 } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EndpointInfo } from '@zerohop/mesh-core'
import { z } from 'zod'
import { readAddress } from '../address.ts'

/** Which entries of an instance's meta mean what. */
export interface MetaNames {
  readonly version: string
  readonly zone: string
  readonly weight: string
}

/** What an answer says. */
export interface HealthReading {
  readonly endpoints: readonly EndpointInfo[]
  /** What is wrong with records that were left out, or with parts of others; '' for nothing. */
  readonly problem: string
}

const mostInstances = 10_000
// 2 to 4 ms: 10,000 at once would hold up the calls of the process for 40 to 80.
const instancesPerTurn = 500
const mostLabels = 64
const longestLabel = 256
const mostWeight = 1_000_000

const metaSchema = z.record(z.string(), z.string()).nullish()

const weight = z.number().min(0).max(65_535)

const recordSchema = z.object({
  Node: z.object({ Address: z.string().nullish(), Meta: metaSchema }).nullish(),
  Service: z.object({
    Address: z.string().nullish(),
    Port: z.number(),
    Tags: z.array(z.string()).nullish(),
    Meta: metaSchema,
    Weights: z.object({ Passing: weight, Warning: weight }).nullish(),
  }),
  Checks: z.array(z.object({ Status: z.string() })).nullish(),
})

type HealthRecord = z.output<typeof recordSchema>

/**
 * Who of `body` can be called: whoever has no critical check. Records that cannot be read are left out.
 * @throws Error where nothing of it can be read
 */
export async function readHealth(body: unknown, names: MetaNames): Promise<HealthReading> {
  if (!Array.isArray(body)) throw new Error('the answer is no list of instances')
  const endpoints: EndpointInfo[] = []
  const flaws: string[] = []
  for (const [index, written] of body.slice(0, mostInstances).entries()) {
    if (index % instancesPerTurn === instancesPerTurn - 1) await nextTurn()
    const result = recordSchema.safeParse(written)
    if (!result.success) {
      const [issue] = result.error.issues
      flaws.push(`[${index}]${issue === undefined ? '' : `.${issue.path.join('.')}: ${issue.message}`}`)
      continue
    }
    const status = worst(result.data)
    if (status === 'critical') continue
    const reading = readRecord(result.data, { names, status })
    if (typeof reading === 'string') flaws.push(`[${index}].${reading}`)
    else endpoints.push(reading)
  }
  if (flaws.length > 0 && flaws.length === body.length) throw new Error(`the answer has no readable instance: ${flaws[0]}`)
  const problems = []
  if (flaws.length > 0) problems.push(`${flaws.length} of ${body.length} instances are left out, the first one for ${flaws[0]}`)
  if (body.length > mostInstances) problems.push(`of ${body.length} instances the first ${mostInstances} are used`)
  return { endpoints, problem: problems.join('; ') }
}

/** Any check of the node or of the instance that fails makes it fail, maintenance included. */
function worst({ Checks }: HealthRecord): 'passing' | 'warning' | 'critical' {
  let status: 'passing' | 'warning' = 'passing'
  for (const check of Checks ?? []) {
    if (check.Status === 'warning') status = 'warning'
    else if (check.Status !== 'passing') return 'critical'
  }
  return status
}

function readRecord(
  { Node, Service }: HealthRecord,
  { names, status }: { names: MetaNames; status: 'passing' | 'warning' },
): EndpointInfo | string {
  const host = Service.Address || Node?.Address || ''
  const reading = readAddress(`${isIPv6(host) ? `[${host}]` : host}:${Service.Port}`)
  if ('problem' in reading) return `Service.Address: ${JSON.stringify(`${host.slice(0, 80)}:${Service.Port}`)}: ${reading.problem}`
  const meta = Service.Meta ?? {}
  const share = meta[names.weight] === undefined ? 1 : readWeight(meta[names.weight] as string)
  if (share === null) return `Service.Meta.${names.weight}: expected a number from 0 to ${mostWeight}`
  // Consul's own weights tell the states apart: of an instance that warns it says what it is worth, 1 unless somebody set it.
  const worth = (status === 'warning' ? Service.Weights?.Warning : Service.Weights?.Passing) ?? 1
  const zone = meta[names.zone] ?? Node?.Meta?.[names.zone] ?? ''
  return {
    address: reading.address,
    labels: labelsOf(Service, names),
    zone: zone.slice(0, longestLabel),
    weight: Math.min(share * worth, mostWeight),
  }
}

function readWeight(text: string): number | null {
  const value = /^\d{1,7}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  return value <= mostWeight ? value : null
}

/** Tags of the form `name=value`, and above them meta; what is too long for a label is none. */
function labelsOf({ Tags, Meta }: HealthRecord['Service'], names: MetaNames): Record<string, string> {
  const pairs = (Tags ?? []).map((tag) => /^([^=]+)=(.+)$/.exec(tag)).filter((match) => match !== null)
  const labels = new Map(pairs.map(([, name, value]) => [name as string, value as string]))
  for (const [name, value] of Object.entries(Meta ?? {})) {
    if (name !== names.weight && name !== names.zone) labels.set(name === names.version ? 'version' : name, value)
  }
  const fit = [...labels].filter(
    ([name, value]) => name !== '' && value !== '' && name.length <= longestLabel && value.length <= longestLabel,
  )
  return Object.fromEntries(fit.slice(0, mostLabels))
}
