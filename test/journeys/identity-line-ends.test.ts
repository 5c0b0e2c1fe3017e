import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { leafLife } from '../support/leaf-life.ts'
import { SecuredMember } from '../support/secured-member.ts'

const lifeMs = await leafLife(10_000)

test('a process whose token is taken back says so, stays in contact, and is ready until its certificate ends', async () => {
  await using control = await ControlProcess.start('--tls', 'on', '--leaf-life', `${lifeMs / 1000}s`)
  const { id, token } = (await control.must('POST', '/v1/tokens', { body: { service: 'cart' } })).body
  await using cart = await SecuredMember.start({ service: 'cart', control: control.url, token })
  const states = new Set<string | undefined>()
  const { notAfter } = cart.mesh.explain().identity ?? { notAfter: 0 }
  await control.must('DELETE', `/v1/tokens/${id}`)
  await eventually(
    () => cart.mesh.explain().identity?.problem.includes('revoked_token') === true,
    'it says why it gets no other certificate',
    lifeMs,
  )
  const heardAt = Date.now()
  expect(await cart.readiness()).toEqual({ ready: true, why: 'ok' })
  let unready = ''
  await eventually(
    async () => {
      states.add(cart.mesh.explain().control?.state)
      const { ready, why } = await cart.readiness()
      unready = why
      return !ready
    },
    'it is not ready any more',
    lifeMs * 2,
  )
  expect(unready).toMatch(/^the certificate of spiffe:\/\/zerohop\.local\/svc\/cart expire[sd] at .*revoked_token/)
  expect([...states]).toEqual(['connected'])
  printFigures('a line that ended', { 'life ms': lifeMs, 'said so before its end ms': notAfter - heardAt, unready })
}, 90_000)
