/** The policy document as a JSON Schema, for editors that complete and check while one writes. */
import { z } from 'zod'
import { documentSchema } from './schema.ts'

/**
 * Draft 2020-12, of one document as people write it. Editors take it for YAML by a first line
 * `# yaml-language-server: $schema=` with the path of a file that holds it.
 */
export function policyJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(documentSchema, { target: 'draft-2020-12', io: 'input' }),
    title: 'Zerohop policy',
    description: 'What the callers of one service do and what the service accepts; without `service`, the defaults for all services.',
  }
}
