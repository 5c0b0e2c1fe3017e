/** Tokens: made, listed, taken back. */
import { parseDuration } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { type FreshToken, LastAdminToken, type TokenOffice } from '../access/token-office.ts'
import type { StoredToken } from '../store/token-store.ts'
import type { ApiRequest, Operation } from './operation.ts'
import { serviceNameSchema } from './poll-query.ts'
import { RequestProblem } from './problem.ts'
import type { Writes } from './writes.ts'

const ownerName = z.string().regex(/^[\w .@:/+-]{1,100}$/, 'a name has 1 to 100 letters, digits, spaces and any of . @ : / + - _')

const shortestMs = 1000
const longestMs = 366 * 86_400_000
const lifetime = z.union([z.string(), z.number()], { error: 'expected a duration such as "1h"' }).transform((value, context) => {
  const ms = parseDuration(value)
  if (ms !== null && ms >= shortestMs && ms <= longestMs) return ms
  context.addIssue({ code: 'custom', message: 'expected a duration from 1s to 8784h, such as "1h"', input: value })
  return z.NEVER
})

const requestSchema = z
  .strictObject({
    service: serviceNameSchema.optional().describe('Whose it is. Without it: `admin`.'),
    admin: z.literal(true).optional().describe('An admin token, which needs a `name`.'),
    name: ownerName.optional().describe('By which history and audit name its holder. Default: the service.'),
    singleUse: z.boolean().optional().describe('Good for one certificate, and for nothing else. Default false.'),
    expiresIn: lifetime.optional().describe('How long it is good. Default: until it is taken back.'),
  })
  .superRefine(({ service, admin, name, singleUse, expiresIn }, context) => {
    const tell = (field: string, message: string): void => context.addIssue({ code: 'custom', path: [field], message })
    if (service === undefined && admin === undefined) tell('service', 'expected the name of a service, or `admin: true` for an admin token')
    if (admin === undefined) return
    if (service !== undefined) tell('admin', '`admin` and `service` exclude each other')
    if (name === undefined) tell('name', 'expected a name, by which history and audit show who it was')
    if (singleUse !== undefined) tell('singleUse', 'means nothing with `admin`')
    if (expiresIn !== undefined) tell('expiresIn', 'means nothing with `admin`')
  })

const tokenSchema = z.object({
  id: z.string(),
  kind: z.enum(['admin', 'service']),
  service: z.string().nullable(),
  name: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  createdBy: z.string(),
  singleUse: z.boolean(),
  /** Milliseconds since 1970; null: never by itself. */
  expiresAt: z.number().nullable(),
  /** What is void stays listed for 30 days, and as long as a certificate of its line is valid. */
  state: z.enum(['valid', 'expired', 'used', 'revoked']),
})
const freshSchema = tokenSchema.extend({ token: z.string() })

const example = {
  id: 'Zq3kR0vT8w1A',
  kind: 'service',
  service: 'cart',
  name: 'cart',
  createdAt: 1_790_000_000_000,
  createdBy: 'admin',
  singleUse: true,
  expiresAt: 1_790_003_600_000,
  state: 'valid',
}
const freshExample = { ...example, token: `zh_Zq3kR0vT8w1A_${'x'.repeat(43)}` }
const adminExample = { ...freshExample, kind: 'admin', service: null, name: 'admin', singleUse: false, expiresAt: null }

/** How a token is made. */
interface Making {
  readonly action: string
  /** The id of the one that ends by it. Default: none does. */
  readonly ended?: string
  readonly make: () => FreshToken
}

/** `/v1/tokens`, `/v1/tokens/{id}`, `/v1/tokens:rotate-admin`. */
export function tokenOperations(office: TokenOffice, writes: Writes): Operation[] {
  const make = (request: ApiRequest, { action, ended = '', make }: Making): z.output<typeof freshSchema> =>
    writes.perform(request, () => {
      const { token, stored } = make()
      const account = { action, subject: tokenSubject(stored) + endOf(office, ended), revision: null, forced: false }
      return { account, result: { ...shown(office, stored), token } }
    })
  return [
    {
      method: 'GET',
      path: '/v1/tokens',
      summary: 'All tokens, without what makes them secret.',
      access: 'admin',
      answers: { 200: { meaning: 'Tokens.', schema: z.object({ tokens: z.array(tokenSchema) }), example: { tokens: [example] } } },
      handle: () => ({ status: 200, body: { tokens: office.all().map((token) => shown(office, token)) } }),
    },
    {
      method: 'POST',
      path: '/v1/tokens',
      summary: 'Makes a token, for a service or for another admin. It is in this answer and nowhere else.',
      access: 'admin',
      body: { schema: requestSchema, example: { service: 'cart', singleUse: true, expiresIn: '1h' } },
      answers: { 201: { meaning: 'Made.', schema: freshSchema, example: freshExample } },
      problems: ['store_failed'],
      handle: (request) => {
        const asked = request.body as { service?: string; name?: string; singleUse?: boolean; expiresIn?: number }
        const { service = null, name = service ?? 'admin', singleUse = false, expiresIn = null } = asked
        const purpose = { service, name, by: request.caller?.name ?? 'nobody', singleUse, expiresInMs: expiresIn }
        return { status: 201, headers: unstored, body: make(request, { action: 'token.create', make: () => office.issue(purpose) }) }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/tokens/{id}',
      summary: 'Takes a token back; it is void from now on, and no certificate is renewed whose line began with it.',
      access: 'admin',
      params: z.strictObject({ id: z.string().max(64) }),
      answers: { 204: { meaning: 'Void.' } },
      problems: ['unknown_token', 'last_admin', 'store_failed'],
      handle: (request) => {
        revoke(request, office, writes)
        return { status: 204 }
      },
    },
    {
      method: 'POST',
      path: '/v1/tokens:rotate-admin',
      summary: 'Makes an admin token in the place of the one that asks, which is void from now on.',
      access: 'admin',
      answers: {
        201: { meaning: 'Made.', schema: freshSchema, example: adminExample },
      },
      problems: ['store_failed'],
      handle: (request) => {
        const { token = '', name = '' } = request.caller ?? {}
        return {
          status: 201,
          headers: unstored,
          body: make(request, { action: 'token.rotate', ended: token, make: () => office.rotate(token, name) }),
        }
      },
    },
  ]
}

/** An answer with a token in it is for one pair of eyes. */
const unstored = { 'cache-control': 'no-store' }

function revoke(request: ApiRequest, office: TokenOffice, writes: Writes): void {
  const { id = '' } = request.params
  try {
    writes.perform(request, () => {
      const stored = office.revoke(id)
      if (stored === null) throw new RequestProblem(404, 'unknown_token', { message: `There is no token ${id}.` })
      return {
        account: { action: 'token.revoke', subject: tokenSubject(stored) + endOf(office, id), revision: null, forced: false },
        result: undefined,
      }
    })
  } catch (error) {
    if (!(error instanceof LastAdminToken)) throw error
    const message = 'This is the last admin token: make another one first, or rotate it.'
    throw new RequestProblem(409, 'last_admin', { message })
  }
}

/** What the end of a token ends besides: by when whoever has a certificate of its line has none any more. */
function endOf(office: TokenOffice, id: string): string {
  const lastAt = office.lineEnd(id)
  return lastAt === null ? '' : `, ends a line of certificates; the last one expires at ${new Date(lastAt).toISOString()}`
}

/** A token as the audit names it. */
export function tokenSubject({ id, service, name }: StoredToken): string {
  return `${id} (${service === null ? `admin ${name}` : `service ${service}`})`
}

function shown(office: TokenOffice, stored: StoredToken): z.output<typeof tokenSchema> {
  const { id, service, name, createdAt, createdBy, singleUse, expiresAt } = stored
  const kind = service === null ? 'admin' : 'service'
  return { id, kind, service, name, createdAt, createdBy, singleUse, expiresAt, state: stateOf(office, stored) }
}

function stateOf(office: TokenOffice, stored: StoredToken): z.output<typeof tokenSchema>['state'] {
  if (office.voidSince(stored) === null) return 'valid'
  if (stored.revokedAt !== null) return 'revoked'
  return stored.spent === null ? 'expired' : 'used'
}
