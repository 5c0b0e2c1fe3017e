/** The policy document as the rest of the mesh sees it: schemas, types, defaults, and how a document is read. */

export { type Checked, type Complaint, checked, type FieldPath, formatPath, mostComplaints } from './complaints.ts'
export { builtIn, effectivePolicy, type PolicyOrigin } from './defaults.ts'
export { didYouMean } from './did-you-mean.ts'
export type * from './effective.ts'
export { EndpointsHash, endpointHash, hashOfEndpoints } from './endpoints-hash.ts'
export {
  type ControlDocument,
  controlDocumentSchema,
  type EndpointRecord,
  type EndpointsSection,
  endpointRecordSchema,
  endpointsSectionSchema,
  instanceIdSchema,
  type LeaseAnswer,
  type LeaseRequest,
  leaseAnswerSchema,
  leaseRequestSchema,
  type Problem,
  policySectionSchema,
  problemSchema,
  schemaLevel,
  versionSchema,
} from './exchange.ts'
export { policyJsonSchema } from './json-schema.ts'
export { plainData } from './plain-data.ts'
export type { PolicySet } from './policy-set.ts'
export { type PolicyProblem, type PolicyReading, readPolicies, type WrittenPolicies } from './read.ts'
export { documentSchema, nameSchema, type PolicyDocument, type PolicyDocumentInput, type Section } from './schema.ts'
export { parseDuration } from './units.ts'
export { type Position, readYaml, type TextDocument, type TextReading } from './yaml-text.ts'
