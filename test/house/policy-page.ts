/** The table of all policy fields, made of the schema: what docs/policy.md must hold. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { policyJsonSchema } from '@zerohop/mesh-core/policy'
import { root } from './source.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly string[]
  readonly const?: unknown
  readonly required?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

/** One row: a field by its path, what may be written, and what it means. */
interface Field {
  readonly path: string
  readonly value: string
  readonly meaning: string
}

const page = join(root, 'docs/policy.md')
const begin = '<!-- The table below is made of the schema: node test/house/policy-page.ts -->'

/** All fields of a policy document, in the order of the schema. */
export function policyFields(): Field[] {
  return fieldsOf(policyJsonSchema() as Schema, '')
}

function fieldsOf(schema: Schema, path: string): Field[] {
  const parts = partsOf(schema)
  const forms = parts.filter(({ properties }) => properties !== undefined)
  const required = forms.length > 1 ? ` One of ${namesIn(forms)} must be there.` : ' Required.'
  const inside = parts.flatMap((part): Field[] => {
    if (part.properties !== undefined) {
      return Object.entries(part.properties).flatMap(([name, field]) => {
        const here = path === '' ? name : `${path}.${name}`
        const needed = part.required?.includes(name) ? required : ''
        return [{ path: here, value: writtenAs(field), meaning: `${field.description ?? ''}${needed}`.trim() }, ...fieldsOf(field, here)]
      })
    }
    if (typeof part.additionalProperties === 'object') return fieldsOf(part.additionalProperties, `${path}.*`)
    return part.items === undefined ? [] : fieldsOf(part.items, `${path}[]`)
  })
  return [...new Map(inside.map((field) => [field.path, field])).values()]
}

/** The fields of maps of which one is to be written. */
function namesIn(forms: readonly Schema[]): string {
  const names = forms.flatMap(({ properties }) => Object.keys(properties ?? {})).map((name) => `\`${name}\``)
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function partsOf(schema: Schema): readonly Schema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(partsOf)
}

function writtenAs(schema: Schema): string {
  const parts = partsOf(schema)
  const duration = parts.find((part) => part.pattern?.includes('ms|s|m|h'))
  const words = parts.map((part) =>
    part.const === false ? '`false`' : duration === undefined ? wordOf(part) : part === duration ? 'duration' : '',
  )
  return [...new Set(words.filter((word) => word !== '').reverse())].join(' or ')
}

function wordOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ')
  if (schema.items !== undefined) return schema.items.enum === undefined ? 'list' : `list of ${wordOf(schema.items)}`
  if (schema.type === 'integer') return `whole number, ${boundsOf(schema)}`
  if (schema.type === 'number') return `number, ${boundsOf(schema)}`
  if (schema.type === 'string') return schema.pattern === undefined ? 'text' : schema.pattern.startsWith('^\\/') ? 'path' : 'name'
  if (schema.const === true) return '`true`'
  if (schema.type === 'boolean') return '`true` or `false`'
  if (typeof schema.additionalProperties !== 'object') return 'fields'
  const { enum: words } = schema.additionalProperties
  return words === undefined ? 'fields by name' : `${wordOf(schema.additionalProperties)}, by name`
}

function boundsOf({ minimum, exclusiveMinimum, maximum }: Schema): string {
  const most = maximum?.toLocaleString('en-US')
  return minimum === undefined ? `above ${exclusiveMinimum}, at most ${most}` : `${minimum} to ${most}`
}

/** The page with its table made anew; what stands before the table is written by hand. */
export function withTable(markdown: string): string {
  const at = markdown.indexOf(begin)
  if (at < 0) throw new Error(`docs/policy.md has lost the line that says where its table begins: ${begin}`)
  const rows = policyFields().map(({ path, value, meaning }) => `| \`${path}\` | ${value} | ${meaning.replaceAll('|', '\\|')} |`)
  return `${markdown.slice(0, at)}${begin}\n\n| field | value | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')))
