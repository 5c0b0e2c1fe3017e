/** What a program says when it makes a mesh: checked whole, and every problem told at once. */
import { z } from 'zod'
import { type ControlOptions, controlContradictions, controlFields } from '../control/control-options.ts'
import type { Discovery } from '../kernel/discovery.ts'
import type { IdentitySource } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import type { Registrar } from '../kernel/registrar.ts'
import { checked, complaintText } from '../policy/complaints.ts'
import { nameSchema } from '../policy/schema.ts'

/** Set in code at start; what may change at run time is policy. */
export interface MeshOptions extends ControlOptions {
  /** The name of the service that this process is: lower-case, as callers write it in a URL. */
  readonly service: string
  /** Where endpoints come from, before any that `control` lists. Default: nowhere, and every call passes through. */
  readonly discovery?: Discovery
  /**
   * Policy documents: one, several, or the path of a YAML file, which is watched. Not together with `control`. Default: the built-in
   * policy.
   */
  readonly policy?: string | object | readonly object[]
  /**
   * What becomes of callers while there is no policy: at a start without control API and last good document, or with a policy file that cannot be
   * read. `serve` (default): the built-in policy holds, which lets everybody in. `refuse`: the process is not ready, and sends them elsewhere.
   */
  readonly withoutPolicy?: 'serve' | 'refuse'
  /**
   * Where this process stands, in the words of the endpoints' own zones: calls stay there as long as there are enough good endpoints. Servers
   * of this mesh say it of themselves, where they are not given another. Default: unknown.
   */
  readonly zone?: string
  /** Where the servers of this process are listed, beside the control API: `consulRegistration({ … })`. Default: nowhere. */
  readonly registration?: Registrar
  /**
   * Where this process gets its certificate: `fileIdentity({ … })`, or false for nowhere. Default: issued by the control API, where `control` is
   * an `https:` address and a `token` is given; otherwise nowhere.
   */
  readonly identity?: IdentitySource | false
  /** Where warnings go. Default: stderr. */
  readonly log?: Log
}

const discoverySchema = z.custom<Discovery>(
  (value) => ['watch', 'services', 'close'].every((part) => typeof (value as Record<string, unknown> | null)?.[part] === 'function'),
  'expected a source of endpoints, such as staticEndpoints({ … })',
)

const registrarSchema = z.custom<Registrar>(
  (value) => typeof (value as Partial<Registrar> | null)?.register === 'function',
  'expected a registry, such as consulRegistration({ … })',
)

const identitySchema = z.custom<IdentitySource | false>(
  (value) =>
    value === false ||
    ['subscribe', 'start', 'renew', 'close'].every((part) => typeof (value as Record<string, unknown> | null)?.[part] === 'function'),
  'expected a source of an identity, such as fileIdentity({ … }), or false',
)

const logSchema = z.custom<Log>(
  (value) => ['info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown> | null)?.[level] === 'function'),
  'expected an object with info, warn and error',
)

const expectedPolicy = 'expected the path of a YAML file, a document, or a list of documents'
const expectedZone = 'expected a text of 1 to 128 characters'

const optionsSchema = z.strictObject({
  service: nameSchema,
  discovery: discoverySchema.optional(),
  policy: z
    .union([z.string().min(1, expectedPolicy), z.record(z.string(), z.unknown()), z.array(z.record(z.string(), z.unknown()))], {
      error: expectedPolicy,
    })
    .optional(),
  withoutPolicy: z.enum(['serve', 'refuse']).optional(),
  zone: z.string(expectedZone).min(1, expectedZone).max(128, expectedZone).optional(),
  registration: registrarSchema.optional(),
  identity: identitySchema.optional(),
  log: logSchema.optional(),
  ...controlFields,
})

/**
 * Checks the options of `createMesh`.
 * @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint
 */
export function checkOptions(options: MeshOptions): MeshOptions {
  const result = checked(optionsSchema, options)
  const problems = result.ok ? contradictions(options) : result.complaints.map(complaintText)
  if (problems.length === 0) return options
  throw new MeshError({ code: 'BAD_OPTIONS', message: `createMesh: ${problems.join('; ')}` })
}

function contradictions(options: MeshOptions): string[] {
  const { withoutPolicy, control, policy } = options
  const isAtOnce = control === undefined && typeof policy !== 'string'
  return [
    ...controlContradictions(options),
    ...(withoutPolicy !== undefined && isAtOnce ? ['withoutPolicy: means nothing without `control` or the path of a policy file'] : []),
  ]
}
