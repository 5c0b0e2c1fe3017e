import { afterEach, expect, test, vi } from 'vitest'
import type { MeshOptions } from './mesh-options.ts'
import { missingPolicy, type PolicyOrigin } from './missing-policy.ts'

afterEach(() => vi.unstubAllEnvs())

const refusing: MeshOptions = { service: 'cart', control: 'https://control:7443', withoutPolicy: 'refuse' }

function origin(adoption: { hasPolicy: boolean; problems: readonly string[] }): PolicyOrigin {
  return { adoption: () => adoption, control: () => null }
}

test('what is said is why the policies were refused, before what the control API has to say', () => {
  const adoption = { hasPolicy: false, problems: [] as string[] }
  const missing = missingPolicy(refusing, origin(adoption))
  expect(missing?.()).toMatch(/^there is no policy yet, .*: the control API has not answered yet$/)
  adoption.problems = ['cart: timeout: expected a duration']
  expect(missing?.()).toMatch(/: cart: timeout: expected a duration$/)
  adoption.hasPolicy = true
  expect(missing?.()).toBe('')
})

test('nobody is asked to wait where the program did not say so, or the mesh is turned off', () => {
  const late = origin({ hasPolicy: false, problems: [] })
  expect(missingPolicy({ service: 'cart' }, late)).toBeNull()
  expect(missingPolicy({ ...refusing, withoutPolicy: 'serve' }, late)).toBeNull()
  vi.stubEnv('MESH_DISABLE', '1')
  expect(missingPolicy(refusing, late)).toBeNull()
})
