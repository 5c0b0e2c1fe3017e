/** Reads who stands where: a map from services to their endpoints, as written in code or in a file. */
import type { EndpointInfo } from '@zerohop/mesh-core'
import { type Checked, type Complaint, checked, nameSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { readAddress } from './address.ts'

const mostEndpoints = 10_000

const addressSchema = z.string().transform((written, context) => {
  const reading = readAddress(written)
  if ('address' in reading) return reading.address
  context.addIssue({ code: 'custom', message: `${JSON.stringify(written.slice(0, 80))}: ${reading.problem}`, input: written })
  return z.NEVER
})

const labelText = z.string().min(1, 'expected a text that is not empty').max(256, 'expected at most 256 characters')

const weightRange = 'expected a number from 0 to 1000000'

const endpointSchema = z
  .strictObject({
    address: addressSchema.describe('`host:port`; an IPv6 host in brackets.'),
    labels: z.record(labelText, labelText).optional().describe('By these the versions of a policy select.'),
    version: labelText.optional().describe('Short for the label `version`.'),
    zone: labelText.optional().describe('Where it stands. Default: unknown.'),
    weight: z
      .number(weightRange)
      .min(0, weightRange)
      .max(1_000_000, weightRange)
      .optional()
      .describe('Relative share of calls. Default 1; 0: none.'),
  })
  .refine(({ labels, version }) => version === undefined || labels?.version === undefined || labels.version === version, {
    path: ['version'],
    message: '`version` and the label `version` differ; write one of them',
  })
  .transform((written): EndpointInfo => {
    const { address, labels, version, zone, weight } = written
    return { address, labels: version === undefined ? { ...labels } : { ...labels, version }, zone: zone ?? '', weight: weight ?? 1 }
  })

const addressAlone = addressSchema.transform((address): EndpointInfo => ({ address, labels: {}, zone: '', weight: 1 }))

const listSchema = z
  .array(z.union([addressAlone, endpointSchema], { error: 'expected an address such as "10.0.0.1:8080", or a map with `address`' }))
  .max(mostEndpoints, `expected at most ${mostEndpoints} endpoints`)

// Names in lower case, as a URL carries them.
const endpointTableSchema = z.record(nameSchema, listSchema)

/** One endpoint as people write it. */
export type EndpointInput = z.input<typeof listSchema>[number]

/** Endpoints by the name of their service. */
export type EndpointTable = ReadonlyMap<string, readonly EndpointInfo[]>

/** Checks a map of endpoints whole: what it says, or everything that is wrong with it. */
export function readEndpointTable(value: unknown): Checked<EndpointTable> {
  const result = checked(endpointTableSchema, value)
  if (!result.ok) return result
  const complaints = Object.entries(result.value).flatMap(([service, endpoints]) => repeated(service, endpoints))
  return complaints.length > 0 ? { ok: false, complaints } : { ok: true, value: new Map(Object.entries(result.value)) }
}

function repeated(service: string, endpoints: readonly EndpointInfo[]): Complaint[] {
  const seen = new Set<string>()
  const complaints: Complaint[] = []
  for (const [index, { address }] of endpoints.entries()) {
    if (seen.has(address))
      complaints.push({ path: [service, index], atKey: false, text: `${address} is listed twice; give it a weight instead` })
    seen.add(address)
  }
  return complaints
}
