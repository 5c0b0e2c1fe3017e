import { expect, test } from 'vitest'
import { WatchSource } from '../kernel/watch.ts'
import type { PolicyDocumentInput } from '../policy/index.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { assembleMesh } from './mesh.ts'
import { partsOf } from './mesh-face.ts'
import type { MeshOptions } from './mesh-options.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const strict: PolicyDocumentInput = { access: { mtls: 'strict' } }

function underTest(options: Partial<MeshOptions>) {
  const mesh = assembleMesh(
    { service: 'cart', log: quiet, ...options },
    { clock: fakeClock(), random: seededRandom(1), jitter: () => 0, network: null },
  )
  const parts = partsOf(mesh)
  return { mesh, parts, codeOf: (host: string) => parts.strangerError(host)?.code ?? 'passes' }
}

test('where the defaults are strict a bare name that nobody knows must not leave, and whatever lies outside may', () => {
  const { parts, codeOf } = underTest({ policy: strict })
  expect(['payment', 'under_score', 'x'].map(codeOf)).toEqual(Array(3).fill('NOT_REGISTERED'))
  const outside = ['api.example.com', 'localhost', '10.0.0.1', '[::1]', 'payment.shop.internal', '']
  expect(outside.map(codeOf)).toEqual(Array(6).fill('passes'))
  expect(parts.strangerError('payment')?.message).toBe(
    'payment: neither discovery nor a policy knows a service of that name, and `mtls: strict` holds for it: the call does not pass the mesh by in plaintext',
  )
})

test.each([
  ['nothing of it', { timeout: '1s' }],
  ['permissive', { access: { mtls: 'permissive' } }],
  ['disabled', { access: { mtls: 'disabled' } }],
  ['strict for another service alone', { service: 'user', access: { mtls: 'strict' } }],
] as [string, MeshOptions['policy'] & object][])('where the policy says %s it may leave', (_, policy) => {
  expect(underTest({ policy }).codeOf('payment')).toBe('passes')
})

test('a name with a dot that was known once must not leave either', () => {
  const listed = new Map([['payment.eu', new WatchSource<readonly never[]>([])]])
  const discovery = {
    name: 'test',
    watch: (service: string) => listed.get(service) ?? null,
    services: () => [...listed.keys()],
    close: async () => {},
  }
  const { mesh, codeOf } = underTest({ policy: strict, discovery })
  expect(codeOf('payment.eu')).toBe('passes')
  mesh.explain('payment.eu')
  listed.clear()
  expect(codeOf('payment.eu')).toBe('NOT_REGISTERED')
  // Whoever reads metrics makes the mesh forget what is gone.
  return mesh.metrics().then(() => expect(codeOf('payment.eu')).toBe('NOT_REGISTERED'))
})

test('a name with a dot for which calls merely wait is none that was known', async () => {
  const { mesh, parts, codeOf } = underTest({ policy: strict })
  const bottom = () => Promise.reject(new Error('nothing is sent'))
  const wire = { name: 'grpc', bottom: () => bottom, answer: bottom as never }
  expect(parts.expected('api.example.com', wire).service).toBe('api.example.com')
  expect(codeOf('api.example.com')).toBe('passes')
  await mesh.metrics()
  expect(codeOf('api.example.com')).toBe('passes')
})
