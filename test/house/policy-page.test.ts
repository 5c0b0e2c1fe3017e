/** The documentation of policies says what the schema says, and every policy that it shows is one. */
import { effectivePolicy, readPolicies } from '@zerohop/mesh-core/policy'
import { describe, expect, test } from 'vitest'
import { policyFields, withTable } from './policy-page.ts'
import { projectFiles, projectText } from './source.ts'

const shown = projectFiles()
  .filter((path) => path.endsWith('.md'))
  .flatMap((path) => {
    const markdown = projectText(path)
    return [...markdown.matchAll(/^```yaml policy\n([\s\S]*?)^```$/gm)].map((match) => ({
      at: `${path}:${markdown.slice(0, match.index).split('\n').length}`,
      text: match[1] as string,
    }))
  })

test('docs/policy.md holds every field of the schema: run `node test/house/policy-page.ts` after a change', () => {
  expect(policyFields().length).toBeGreaterThan(50)
  expect(projectText('docs/policy.md')).toBe(withTable(projectText('docs/policy.md')))
})

test('every field has a meaning, its own or that of the field around it', () => {
  const meanings = new Map(policyFields().map(({ path, meaning }) => [path, meaning]))
  const silent = [...meanings].filter(([path, meaning]) => meaning === '' && (meanings.get(path.replace(/\.?[^.]+$/, '')) ?? '') === '')
  expect(silent.map(([path]) => path)).toEqual([])
})

describe('policies in the documentation', () => {
  for (const { at, text } of shown) {
    test(`${at} is a policy`, () => {
      expect(readPolicies(text, at)).toMatchObject({ ok: true })
    })
  }

  test('the first one of docs/policy.md, which says what holds by itself, changes nothing', () => {
    const first = shown.find(({ at }) => at.startsWith('docs/policy.md:'))
    const reading = readPolicies(first?.text ?? '', 'docs/policy.md')
    if (!reading.ok) throw new Error(reading.problems.join('\n'))
    expect(reading.set.defaults).not.toBeNull()
    expect(effectivePolicy('x', reading.set.defaults, null).policy).toEqual(effectivePolicy('x', null, null).policy)
  })
})
