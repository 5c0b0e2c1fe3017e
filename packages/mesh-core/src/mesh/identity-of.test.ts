import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { assembleMesh } from './mesh.ts'
import { partsOf } from './mesh-face.ts'
import type { MeshOptions } from './mesh-options.ts'

const token = `zh_${'a'.repeat(12)}_${'b'.repeat(43)}`
const silence = { info: () => {}, warn: () => {}, error: () => {} }
const given = testAuthority().identitySource('cart')

afterEach(() => {
  delete process.env.MESH_DISABLE
})

async function sourceOf(options: Partial<MeshOptions>): Promise<string | null> {
  const setting = { clock: fakeClock(), random: () => 0, jitter: () => 0, network: null }
  await using mesh = assembleMesh({ service: 'cart', lastGood: false, log: silence, ...options } as MeshOptions, setting)
  return partsOf(mesh).identity?.name ?? null
}

test.each([
  ['issued over TLS, to who has a token', 'issued', { control: 'https://control:7443', token }],
  ['nobody, over plaintext', null, { control: 'http://control:7443', token }],
  ['nobody, where one address is plaintext', null, { control: ['https://control:7443', 'http://control:7443'], token }],
  ['nobody, without a token', null, { control: 'https://control:7443' }],
  ['nobody, where it is turned off', null, { control: 'https://control:7443', token, identity: false as const }],
  ['what was given, over anything', 'test', { control: 'https://control:7443', token, identity: given }],
  ['what was given, without control API', 'test', { lastGood: undefined, identity: given }],
])('a mesh proves to be %s', async (_, name, options) => {
  expect(await sourceOf(options as Partial<MeshOptions>)).toBe(name)
})

test('a mesh that is turned off has no identity, and begins none', async () => {
  process.env.MESH_DISABLE = '1'
  expect(await sourceOf({ control: 'https://control:7443', token, identity: given })).toBe(null)
})
