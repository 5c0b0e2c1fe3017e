/** The poll: taken before the router sees it, because ten thousand of them wait at once and each may hold only little. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { controlDocumentSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { speaksFor } from '../access/caller.ts'
import type { Doorkeeper } from '../access/doorkeeper.ts'
import { TooManyNames } from '../document/catalog.ts'
import { TooManyClients } from '../document/clients.ts'
import type { Documents } from '../document/documents.ts'
import type { Operation } from './operation.ts'
import { pollQuerySchema, readPoll, serviceNameSchema } from './poll-query.ts'
import { PollResponse } from './poll-response.ts'
import { RequestProblem } from './problem.ts'
import { admitted, forbidden } from './serve.ts'

const prefix = '/v1/documents/'

/** What the poll needs. */
export interface PollParts {
  readonly documents: Documents
  readonly doorkeeper: Doorkeeper
  /** Told of each document that goes out. */
  readonly onSent: (bytes: number) => void
}

/** The poll as `/v1/openapi.json` describes it. */
export const pollOperation: Operation = {
  method: 'GET',
  path: '/v1/documents/{service}',
  summary: "A process's document: at once where it lacks something, else when something of it changes, else 204 when the wait is over.",
  access: 'service',
  params: z.strictObject({ service: serviceNameSchema }),
  query: pollQuerySchema,
  answers: {
    200: {
      meaning: 'All sections that changed, and the hashes of all that there are.',
      schema: controlDocumentSchema,
      example: {
        version: '3f9a1c.10042',
        schema: 2,
        revision: 7,
        sections: { 'policy/payment': 'bd5c09ff4b9a7f10', 'endpoints/payment': '9c1185a5c5e9fc54' },
        policies: { payment: { hash: 'bd5c09ff4b9a7f10', document: { service: 'payment', timeout: '2s' } } },
        endpoints: {
          payment: { hash: '9c1185a5c5e9fc54', full: [{ address: '10.0.0.7:8080', labels: { version: 'v1' }, zone: 'a', weight: 1 }] },
        },
        unknown: [],
      },
    },
    204: { meaning: 'Nothing changed; the header `zerohop-version` names the version that the client holds.' },
  },
  problems: ['bad_parameter', 'too_many_clients'],
  handle: null,
}

/** Takes a request where it is a poll. */
export function takesPoll(parts: PollParts, request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method !== 'GET' || request.url?.startsWith(prefix) !== true) return false
  // Without a body to wait for, what a client sends besides is not kept.
  request.resume()
  void take(parts, request, response)
  return true
}

async function take({ documents, doorkeeper, onSent }: PollParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = new PollResponse(response, { takesGzip: takesGzip(request), onSent })
  try {
    const [path = '', query = ''] = parted(request.url as string)
    const service = serviceOf(path)
    const caller = await admitted(doorkeeper, request)
    if (!speaksFor(caller, service)) throw forbidden(caller, pollOperation, service)
    if (response.destroyed) return
    const poll = readPoll(service, query)
    lighten(request)
    const leave = documents.poll(poll, reply)
    if (!response.writableEnded) response.once('close', leave)
  } catch (error) {
    reply.refuse(problemOf(error))
  }
}

function parted(url: string): [string, string] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

function serviceOf(path: string): string {
  const result = serviceNameSchema.safeParse(path.slice(prefix.length))
  if (result.success) return result.data
  const message = `The path names no service: ${result.error.issues[0]?.message}.`
  throw new RequestProblem(400, 'bad_parameter', {
    message,
    problems: [{ path: 'service', message: result.error.issues[0]?.message ?? '' }],
  })
}

function takesGzip({ headers }: IncomingMessage): boolean {
  const accepted = headers['accept-encoding']
  return typeof accepted === 'string' && /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(accepted)
}

const noHeaders = {}
const nothing: string[] = []

/** What a parked request no longer needs is a fifth of what it holds. */
function lighten(request: IncomingMessage): void {
  request.headers = noHeaders
  request.rawHeaders = nothing
  request.url = ''
}

function problemOf(error: unknown): RequestProblem {
  if (error instanceof RequestProblem) return error
  if (error instanceof TooManyClients || error instanceof TooManyNames) {
    return new RequestProblem(429, 'too_many_clients', { message: error.message, headers: { 'retry-after': '30' } })
  }
  return new RequestProblem(500, 'internal', { message: 'The control API failed at this poll.' })
}
