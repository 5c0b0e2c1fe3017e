import { expect, test } from 'vitest'
import { policyJsonSchema } from './json-schema.ts'
import { sections } from './schema.ts'

interface Node {
  readonly $schema?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly anyOf?: readonly Node[]
  readonly description?: string
  readonly additionalProperties?: unknown
}

test('the schema knows every section, with a description, and takes no other key', () => {
  const schema = policyJsonSchema() as Node
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
  expect(Object.keys(schema.properties ?? {})).toEqual(['service', 'external', ...Object.keys(sections)])
  expect(schema.additionalProperties).toBe(false)
  for (const [name, section] of Object.entries(schema.properties ?? {})) expect(section.description, name).toMatch(/\.$/)
})

test('durations are described as people write them, not as they are kept', () => {
  const timeout = (policyJsonSchema() as Node).properties?.timeout
  expect(timeout?.anyOf).toEqual([
    { type: 'string', pattern: expect.stringContaining('ms|s|m|h'), examples: ['250ms', '5s'] },
    { type: 'number', description: 'Milliseconds', minimum: 1, maximum: 86_400_000 },
  ])
})

test('no document needs any key', () => {
  expect(policyJsonSchema()).not.toHaveProperty('required')
})
