import { expect, test } from 'vitest'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { Listed } from './listed.ts'

const server: EndpointInfo = { address: '10.0.0.1:80', labels: { version: 'v1' }, zone: 'a', weight: 1 }
const authority = testAuthority()

function scene(mode: MtlsMode, identity: 'held' | 'on its way' | 'none' = 'held') {
  const clock = fakeClock()
  const mtls = new WatchSource<MtlsMode>(mode)
  const source = authority.identitySource('cart')
  if (identity === 'on its way') Object.assign(source, { current: undefined })
  const said: string[] = []
  const registry = { reached: Promise.resolve() }
  const saying = ({ labels }: EndpointInfo): string => Object.keys(labels).join(' ')
  const listed = new Listed({
    identity: identity === 'none' ? null : source,
    mtls,
    clock,
    register: (first) => {
      said.push(saying(first))
      return {
        relist: async (changed) => {
          said.push(saying(changed))
          await registry.reached
        },
        release: async () => void said.push('released'),
      }
    },
  })
  listed.list(server)
  return { clock, mtls, source, said, listed, registry }
}

test.each([
  ['permissive', 'version zerohop-tls'],
  ['strict', 'version zerohop-tls'],
  ['disabled', 'version'],
] as const)('in mode %s a server says "%s"', (mode, labels) => {
  const { said, listed } = scene(mode)
  expect([said, listed.mode.current]).toEqual([[labels], mode])
})

test('a server without a source of an identity does not say that it takes mutual TLS', () => {
  expect(scene('strict', 'none').said).toEqual(['version'])
})

test('a server says that it takes mutual TLS once its first identity is there, and says it once', async () => {
  const { clock, source, said } = scene('permissive', 'on its way')
  source.turn()
  await clock.advance(0)
  source.turn()
  await clock.advance(0)
  expect(said).toEqual(['version', 'version zerohop-tls'])
})

test('where mutual TLS is turned on, the server takes it before it says so', () => {
  const { mtls, said, listed } = scene('disabled')
  let before = ''
  listed.mode.subscribe((mode) => {
    before = `${mode}: ${said.at(-1)}`
  })
  mtls.set('permissive')
  expect([before, said]).toEqual(['permissive: version', ['version', 'version zerohop-tls']])
})

test('where it is turned off, the server says so first, and goes on taking it until callers have heard', async () => {
  const { clock, mtls, said, listed, registry } = scene('strict')
  const reached = Promise.withResolvers<void>()
  registry.reached = reached.promise
  mtls.set('disabled')
  await clock.advance(60_000)
  expect([said.at(-1), listed.mode.current]).toEqual(['version', 'strict'])
  reached.resolve()
  await clock.advance(9999)
  expect(listed.mode.current).toBe('strict')
  await clock.advance(1)
  expect(listed.mode.current).toBe('disabled')
})

test('a mode that comes back before callers have heard stays', async () => {
  const { clock, mtls, said, listed } = scene('permissive')
  mtls.set('disabled')
  await clock.advance(5000)
  mtls.set('strict')
  await clock.advance(60_000)
  expect([said, listed.mode.current]).toEqual([['version zerohop-tls', 'version', 'version zerohop-tls'], 'strict'])
})

test('a server that was released says nothing more', async () => {
  const { clock, mtls, said, listed } = scene('permissive')
  await listed.release()
  mtls.set('disabled')
  await clock.advance(60_000)
  expect(said).toEqual(['version zerohop-tls', 'released'])
})
