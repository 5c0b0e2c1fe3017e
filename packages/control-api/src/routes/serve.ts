/** Puts operations on a router: who may, what is asked for, what is answered, and what is said when it goes wrong. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Complaint, checked, formatPath } from '@zerohop/mesh-core/policy'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Caller, credentialOf, speaksFor } from '../access/caller.ts'
import type { Doorkeeper, Recognition } from '../access/doorkeeper.ts'
import type { FieldProblem } from '../check/field-problem.ts'
import type { ApiRequest, BodyForm, Operation } from './operation.ts'
import { RequestProblem } from './problem.ts'

/** What serving needs besides the operations. */
export interface ServeParts {
  readonly doorkeeper: Doorkeeper
  /** Told of errors that are no fault of the caller. */
  readonly onFault: (error: Error, operation: string) => void
}

/** An answer that nobody takes off the wire, or a request that stops half way, is given up after this. */
const stalledMs = 30_000
const defaultMaxBytes = 65_536
const nothing = z.strictObject({})
const jsonTypes = new Set(['application/json'])
const textTypes = new Set([...jsonTypes, 'application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'])

/** Adds every operation that is not served elsewhere, and the answers to everything else. */
export function serve(app: FastifyInstance, operations: readonly Operation[], parts: ServeParts): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, text, done) => done(null, text))
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOf(error, request.routeOptions.bodyLimit)
    // A problem that was thrown on purpose is no fault; whoever throws it logs it where it is worth it.
    if (problem.code === 'internal') parts.onFault(error, `${request.method} ${request.routeOptions.url ?? ''}`)
    return refuse(reply, problem)
  })
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 200)}; /v1/openapi.json lists what there is.`
    return refuse(reply, new RequestProblem(404, 'not_found', { message }))
  })
  for (const operation of operations) if (operation.handle !== null) addRoute(app, operation, parts)
}

function addRoute(app: FastifyInstance, operation: Operation, { doorkeeper }: ServeParts): void {
  const callers = new WeakMap<FastifyRequest, Caller>()
  app.route({
    method: operation.method,
    // A colon of ours is doubled: one alone begins a parameter of the router's.
    url: operation.path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1'),
    bodyLimit: operation.body?.maxBytes ?? defaultMaxBytes,
    // Before the body is read: a stranger's megabyte is not taken in.
    onRequest: async (request) => {
      request.raw.socket.setTimeout(stalledMs)
      if (operation.access === 'open') return
      const caller = await admitted(doorkeeper, request.raw, { isJoin: operation.access === 'join' })
      const { service } = request.params as { service?: string }
      if (!mayCall(caller, operation, service)) throw forbidden(caller, operation, service)
      callers.set(request, caller)
    },
    handler: async (request, reply) => {
      const answer = await operation.handle?.(apiRequest(request, operation, callers.get(request) ?? null))
      if (answer === undefined) throw new TypeError(`${operation.method} ${operation.path} answered nothing`)
      reply.code(answer.status)
      for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value)
      return reply.send(answer.body)
    },
  })
}

function mayCall(caller: Caller, { access }: Operation, service: string | undefined): boolean {
  if (access === 'join') return true
  return access === 'service' ? service !== undefined && speaksFor(caller, service) : caller.service === null
}

/** Who calls. @throws RequestProblem for a stranger, after the wait that the doorkeeper imposes */
export async function admitted(doorkeeper: Doorkeeper, request: IncomingMessage, how: Recognition = {}): Promise<Caller> {
  const answer = await doorkeeper.recognise(request, how)
  if (!('status' in answer)) {
    if (!answer.singleUse || how.isJoin === true) return answer
    const message = `${credentialOf(answer)} is good for one certificate and for nothing else: ask for that first, and come back with it.`
    throw new RequestProblem(403, 'single_use_token', { message })
  }
  const { status, code, message, retryAfterSeconds } = answer
  const wait = retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }
  throw new RequestProblem(status, code, { message, headers: { 'www-authenticate': 'Bearer', ...wait } })
}

/** The caller is known, and this is not for it. */
export function forbidden(caller: Caller, operation: Pick<Operation, 'access'>, service = ''): RequestProblem {
  const isAdmins = operation.access === 'admin'
  const whose = `${credentialOf(caller)} belongs to the service ${caller.service}`
  const message = isAdmins ? `${whose}; this needs an admin token.` : `${whose}; it may not speak for ${service.slice(0, 253)}.`
  return new RequestProblem(403, isAdmins ? 'admin_only' : 'wrong_service', { message })
}

function apiRequest(request: FastifyRequest, { params, query, body }: Operation, caller: Caller | null): ApiRequest {
  return {
    caller,
    remote: request.socket.remoteAddress ?? '',
    params: parameters(params, request.params) as ApiRequest['params'],
    query: parameters(query, request.query),
    headers: request.headers,
    body: body === undefined ? undefined : bodyOf(request, body),
  }
}

function parameters(schema: z.ZodObject | undefined, given: unknown): Record<string, unknown> {
  const result = checked(schema ?? nothing, { ...(given as object) })
  if (result.ok) return result.value
  const problems = result.complaints.map(fieldProblem)
  throw new RequestProblem(400, 'bad_parameter', { message: `A parameter is wrong: ${inWords(problems)}.`, problems })
}

function bodyOf(request: FastifyRequest, form: BodyForm): unknown {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const allowed = form.text ? textTypes : jsonTypes
  if (!allowed.has(type)) {
    const message = `The content-type ${type === '' ? 'is missing' : `${JSON.stringify(type.slice(0, 60))} is not read here`}; send ${[...allowed].slice(0, 2).join(' or ')}.`
    throw new RequestProblem(415, 'unsupported_content_type', { message })
  }
  const text = typeof request.body === 'string' ? request.body : ''
  const value = jsonTypes.has(type) ? parsedJson(text) : undefined
  if (form.text) return text
  const result = checked(form.schema, value)
  if (result.ok) return result.value
  const problems = result.complaints.map(fieldProblem)
  throw new RequestProblem(422, 'bad_body', { message: `The body is wrong: ${inWords(problems)}.`, problems })
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const message = `The body is no valid JSON: ${(error as Error).message.slice(0, 200)}.`
    throw new RequestProblem(400, 'bad_json', { message })
  }
}

/** A complaint of a schema as a problem goes on the wire. */
export function fieldProblem({ path, text }: Complaint): FieldProblem {
  return { path: formatPath(path), message: text }
}

function inWords(problems: readonly FieldProblem[]): string {
  const [first, ...rest] = problems
  const head = first === undefined ? 'nobody knows why' : `${first.path === '' ? '' : `${first.path}: `}${first.message}`
  return rest.length === 0 ? head : `${head} (and ${rest.length} more)`
}

/** An error as a problem that the caller may know. @param limit the most bytes that the operation takes */
export function problemOf(error: FastifyError, limit?: number): RequestProblem {
  if (error instanceof RequestProblem) return error
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new RequestProblem(413, 'too_large', { message: `The body is too large: at most ${limit} bytes are taken here.` })
  }
  const status = error.statusCode ?? 500
  if (status < 500) return new RequestProblem(status, 'bad_request', { message: `The request cannot be read: ${error.message}.` })
  return new RequestProblem(500, 'internal', { message: 'The control API failed at this request, and has logged why.' })
}

/** Answers with a problem. */
export function refuse(reply: FastifyReply, problem: RequestProblem): FastifyReply {
  return reply.code(problem.status).headers(problem.headers).send(problem.body)
}

const unread: Readonly<Record<string, readonly [status: number, reason: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The head of the request is too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not come in time.'],
}

const unsaid = /^ERR_(SSL|TLS)_/

/** Answers what could not even be read as a request, and hangs up. */
export function refuseUnread(error: Error & { readonly code?: string }, socket: Socket): void {
  // To somebody with whom TLS has not come about nothing can be said.
  if (error.code === 'ECONNRESET' || unsaid.test(error.code ?? '') || !socket.writable) return void socket.destroy()
  const [status, reason, message] = unread[error.code ?? ''] ?? [400, 'Bad Request', 'What came is no request of HTTP.']
  const body = JSON.stringify(new RequestProblem(status, 'bad_request', { message }).body)
  const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`
  socket.end(head + body)
}
