/** Tokens: made, listed, taken back. */
import { nameSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { type FreshToken, LastAdminToken, type TokenOffice } from '../access/token-office.ts'
import type { StoredToken } from '../store/token-store.ts'
import type { ApiRequest, Operation } from './operation.ts'
import { RequestProblem } from './problem.ts'
import type { Writes } from './writes.ts'

const ownerName = z.string().regex(/^[\w .@:/+-]{1,100}$/, 'a name has 1 to 100 letters, digits, spaces and any of . @ : / + - _')

const requestSchema = z.union([
  z.strictObject({ service: nameSchema, name: ownerName.optional() }),
  z.strictObject({ admin: z.literal(true), name: ownerName }),
])

const tokenSchema = z.object({
  id: z.string(),
  kind: z.enum(['admin', 'service']),
  service: z.string().nullable(),
  name: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  createdBy: z.string(),
})
const freshSchema = tokenSchema.extend({ token: z.string() })

const example = { id: 'Zq3kR0vT8w1A', kind: 'service', service: 'cart', name: 'cart', createdAt: 1_790_000_000_000, createdBy: 'admin' }
const freshExample = { ...example, token: `zh_Zq3kR0vT8w1A_${'x'.repeat(43)}` }

/** `/v1/tokens`, `/v1/tokens/{id}`, `/v1/tokens:rotate-admin`. */
export function tokenOperations(office: TokenOffice, writes: Writes): Operation[] {
  return [
    {
      method: 'GET',
      path: '/v1/tokens',
      summary: 'All tokens, without what makes them secret.',
      access: 'admin',
      answers: { 200: { meaning: 'Tokens.', schema: z.object({ tokens: z.array(tokenSchema) }), example: { tokens: [example] } } },
      handle: () => ({ status: 200, body: { tokens: office.all().map(shown) } }),
    },
    {
      method: 'POST',
      path: '/v1/tokens',
      summary: 'Makes a token, for a service or for another admin. It is in this answer and nowhere else.',
      access: 'admin',
      body: { schema: requestSchema, example: { service: 'cart' } },
      answers: { 201: { meaning: 'Made.', schema: freshSchema, example: freshExample } },
      problems: ['store_failed'],
      handle: (request) => {
        const { service = null, name } = request.body as { service?: string; name?: string }
        const purpose = { service, name: name ?? service ?? 'admin', by: request.caller?.name ?? 'nobody' }
        return {
          status: 201,
          headers: unstored,
          body: made(request, writes, { action: 'token.create', make: () => office.issue(purpose) }),
        }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/tokens/{id}',
      summary: 'Takes a token back; it is void from now on.',
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
        201: { meaning: 'Made.', schema: freshSchema, example: { ...freshExample, kind: 'admin', service: null, name: 'admin' } },
      },
      problems: ['store_failed'],
      handle: (request) => {
        const { token = '', name = '' } = request.caller ?? {}
        return {
          status: 201,
          headers: unstored,
          body: made(request, writes, { action: 'token.rotate', make: () => office.rotate(token, name) }),
        }
      },
    },
  ]
}

/** An answer with a token in it is for one pair of eyes. */
const unstored = { 'cache-control': 'no-store' }

function made(
  request: ApiRequest,
  writes: Writes,
  { action, make }: { action: string; make: () => FreshToken },
): z.output<typeof freshSchema> {
  return writes.perform(request, () => {
    const { token, stored } = make()
    return { account: { action, subject: subjectOf(stored), revision: null, forced: false }, result: { ...shown(stored), token } }
  })
}

function revoke(request: ApiRequest, office: TokenOffice, writes: Writes): void {
  const { id = '' } = request.params
  try {
    writes.perform(request, () => {
      const stored = office.revoke(id)
      if (stored === null) throw new RequestProblem(404, 'unknown_token', { message: `There is no token ${id}.` })
      return { account: { action: 'token.revoke', subject: subjectOf(stored), revision: null, forced: false }, result: undefined }
    })
  } catch (error) {
    if (!(error instanceof LastAdminToken)) throw error
    const message = 'This is the last admin token: make another one first, or rotate it.'
    throw new RequestProblem(409, 'last_admin', { message })
  }
}

function subjectOf({ id, service, name }: StoredToken): string {
  return `${id} (${service === null ? `admin ${name}` : `service ${service}`})`
}

function shown({ id, service, name, createdAt, createdBy }: StoredToken): z.output<typeof tokenSchema> {
  return { id, kind: service === null ? 'admin' : 'service', service, name, createdAt, createdBy }
}
