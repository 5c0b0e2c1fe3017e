/** Tests of what a redirect takes along. */
import { testMesh } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { reply } from '../reply.ts'
import { meshFetch } from './mesh-fetch.ts'

test("the caller's own timeout is for all hops together", async () => {
  await using t = testMesh({ seed: 1 })
  const cart = t.service('cart', {}, () => reply.delayed(80, reply(302, '', { location: '/next' })))
  const walk = meshFetch(t.mesh)('http://cart/', { mesh: { timeout: 200 } }).catch((error) => error.cause)
  await t.clock.advance(500)
  expect([(await walk).code, cart.calls.length]).toEqual(['EXPIRED', 3])
})
