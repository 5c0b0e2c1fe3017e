/** The policy document as the rest of the mesh sees it: schemas, types, defaults, and how a document is read. */

export { accessNotes } from './access-notes.ts'
export { anyIdentity } from './access-schema.ts'
export { type Checked, type Complaint, checked, complaintText, type FieldPath, formatPath, mostComplaints } from './complaints.ts'
export { type ControlGround, type ControlProof, controlProof } from './control-proof.ts'
export { builtIn, effectivePolicy, type PolicyOrigin } from './defaults.ts'
export { didYouMean } from './did-you-mean.ts'
export type * from './effective.ts'
export { EndpointsHash, endpointHash, hashOfEndpoints } from './endpoints-hash.ts'
export {
  type CertificateAnswer,
  type ControlDocument,
  certificateAnswerSchema,
  certificateRequestSchema,
  controlDocumentSchema,
  type EndpointRecord,
  type EndpointsSection,
  endpointRecordSchema,
  endpointsSectionSchema,
  type IdentityRoots,
  identityRootsSchema,
  instanceIdSchema,
  type LeaseAnswer,
  type LeaseRequest,
  leaseAnswerSchema,
  leaseRequestSchema,
  type Problem,
  policySectionSchema,
  problemSchema,
  schemaLevel,
  type TrustSection,
  trustSectionSchema,
  versionSchema,
} from './exchange.ts'
export { grpcStatusNames } from './grpc-status-names.ts'
export { policyJsonSchema } from './json-schema.ts'
export { leadsToRoot } from './leads-to-root.ts'
export { plainData } from './plain-data.ts'
export type { PolicySet } from './policy-set.ts'
export { type PolicyProblem, type PolicyReading, readPolicies, type WrittenPolicies } from './read.ts'
export { documentSchema, nameSchema, type PolicyDocument, type PolicyDocumentInput, type Section } from './schema.ts'
export {
  controlInSpiffeId,
  controlSpiffeId,
  readSpiffeId,
  type SpiffeId,
  type SpiffeIdReading,
  serviceInSpiffeId,
  serviceSpiffeId,
  trustDomainSchema,
} from './spiffe-id.ts'
export { readSvid, type SvidFlaw, type SvidHolder, type SvidReading, urisOf } from './svid.ts'
export { parseDuration } from './units.ts'
export { type Position, readYaml, type TextDocument, type TextReading } from './yaml-text.ts'
