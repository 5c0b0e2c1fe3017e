import { expect, test } from 'vitest'
import { createMesh } from './mesh.ts'
import { partsOf } from './mesh-face.ts'

test("a server is listed with the program's own registry, listed anew where it has changed, and taken off it", async () => {
  const said: unknown[] = []
  const registration = {
    register: (service: string, server: unknown) => {
      said.push([service, server])
      return {
        relist: async (changed: unknown) => void said.push(['again', changed]),
        release: async () => void said.push('released'),
      }
    },
  }
  await using mesh = createMesh({ service: 'shop', registration })
  const server = { address: '10.0.0.1:8080', labels: { version: 'v1' }, zone: 'a', weight: 1 }
  const registered = partsOf(mesh).register(server)
  const changed = { ...server, labels: {}, zone: '' }
  await registered?.relist(changed)
  await registered?.release()
  expect(said).toEqual([['shop', server], ['again', { ...changed, zone: 'a' }], 'released'])
})

test('without control API and registry a server is listed nowhere', async () => {
  await using mesh = createMesh({ service: 'shop' })
  expect(partsOf(mesh).register({ address: '10.0.0.1:8080', labels: {}, zone: '', weight: 1 })).toBe(null)
})

test('what is no registry is refused', () => {
  expect(() => createMesh({ service: 'shop', registration: {} as never })).toThrow('registration: expected a registry')
})
