/** The description of the API, made of the same schemas by which requests are checked. */
import { problemSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import type { AnswerForm, Operation } from './operation.ts'

/** Codes that any operation may answer with. */
const always: Readonly<Record<number, string>> = {
  400: 'A parameter, a header or the body cannot be read.',
  500: 'The control API failed.',
}
const guarded: Readonly<Record<number, string>> = {
  401: 'There is no token and no certificate, or none that is good.',
  403: 'The token or the certificate is not for this.',
  429: 'Too many requests without a valid token came from this address.',
}

/** `/v1/openapi.json`, about `operations` and itself. */
export function openapiOperation(operations: readonly Operation[]): Operation {
  const own: Operation = {
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This description, as OpenAPI 3.1.',
    access: 'open',
    answers: { 200: { meaning: 'The description.', schema: z.record(z.string(), z.unknown()), example: { openapi: '3.1.0' } } },
    handle: () => {
      described ??= openapi([...operations, own])
      return { status: 200, body: described }
    },
  }
  let described: Record<string, unknown> | null = null
  return own
}

/** The whole description, OpenAPI 3.1. */
export function openapi(operations: readonly Operation[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: describe(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Zerohop control API',
      version: '1',
      description: 'Policy in one place for a Zerohop mesh.',
      license: { name: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: '`zh_<id>_<secret>`, and `_<fingerprint>` of a root where there is one.' },
        certificate: { type: 'mutualTLS', description: 'A certificate that the control API has issued to a service.' },
      },
      schemas: { Problem: jsonSchema(problemSchema, 'output') },
    },
  }
}

function describe({ access, summary, params, query, body, answers, problems, method, path }: Operation): Record<string, unknown> {
  const failures = { ...always, ...(access === 'open' ? {} : guarded) }
  const codes = problems === undefined ? '' : ` Codes of its own: ${problems.map((code) => `\`${code}\``).join(', ')}.`
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    security: access === 'open' ? [] : access === 'admin' ? [{ token: [] }] : [{ token: [] }, { certificate: [] }],
    parameters: [...parametersOf(params, 'path'), ...parametersOf(query, 'query')],
    ...(body === undefined ? {} : { requestBody: { required: true, content: contentOf(body, body.text === true) } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
      ...Object.fromEntries(Object.entries(failures).map(([status, description]) => [status, problemOf(description)])),
      default: problemOf(`Any other problem.${codes}`),
    },
  }
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): unknown[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as { properties?: Record<string, unknown>; required?: string[] }
  return Object.entries(properties).map(([name, form]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: form,
  }))
}

function contentOf({ schema, example }: { schema: z.ZodType; example: unknown }, isYamlToo: boolean): Record<string, unknown> {
  const form = { schema: jsonSchema(schema, 'input'), example }
  return { 'application/json': form, ...(isYamlToo ? { 'application/yaml': form } : {}) }
}

function answerOf({ meaning, schema, example }: AnswerForm): Record<string, unknown> {
  if (schema === undefined) return { description: meaning }
  const type = schema instanceof z.ZodString ? 'text/plain' : 'application/json'
  return {
    description: meaning,
    content: { [type]: { schema: jsonSchema(schema, 'output'), ...(example === undefined ? {} : { example }) } },
  }
}

function problemOf(description: string): Record<string, unknown> {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } } }
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' })
  return rest
}
