import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { schemaLevel } from '@zerohop/mesh-core/policy'
import { meshFetch } from '@zerohop/mesh-http'
import { afterEach, expect, test } from 'vitest'
import { ControlStage, type InstanceSeen } from '../support/control-stage.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { quietLog } from '../support/quiet-log.ts'
import { RewritingProxy } from '../support/rewriting-proxy.ts'

const silent = { ...quietLog, error: () => {} }
const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Skewed {
  readonly stage: ControlStage
  readonly proxy: RewritingProxy
  readonly mesh: Mesh
  /** What the status says of the one client. */
  readonly seen: () => Promise<InstanceSeen | undefined>
}

/** A service, and a caller of it whose polls go through a proxy. */
async function skewed(rewriting: RewritingProxy['rewriting']): Promise<Skewed> {
  const stage = await ControlStage.start()
  ends.push(() => stage[Symbol.asyncDispose]())
  await stage.admit('orders')
  const token = await stage.admit('shop')
  await stage.clients({ service: 'orders', instances: ['orders-1'], uses: [], serves: 'v1' })
  const proxy = await new RewritingProxy(stage.control.url, rewriting).listen()
  ends.push(() => proxy[Symbol.asyncDispose]())
  const mesh = createMesh({ service: 'shop', instance: 'shop-1', control: proxy.url, token, lastGood: false, log: silent })
  ends.push(() => mesh.close({ graceMs: 0 }))
  const seen = async (): Promise<InstanceSeen | undefined> => (await stage.instances()).find(({ instance }) => instance === 'shop-1')
  return { stage, proxy, mesh, seen }
}

const timeoutOf = (mesh: Mesh): number | undefined => mesh.explain('orders').services[0]?.policy.timeoutMs

test.each([
  { older: 1, field: 'external', value: true },
  { older: 2, field: 'slowStart', value: '10s' },
])(
  'a client of schema $older keeps working where a policy has `$field`, and the status names it and what it does not get',
  async (skew) => {
    const { older, field, value } = skew
    expect(older).toBeLessThan(schemaLevel)
    const { stage, proxy, mesh, seen } = await skewed({ poll: (query) => query.set('schema', String(older)) })
    await stage.control.write('orders', { timeout: 3000 })
    const fetch = meshFetch(mesh)
    mesh.explain('mail')
    expect(await (await fetch('http://orders/')).text()).toBe('v1')
    await eventually(() => timeoutOf(mesh) === 3000, 'the first policy holds')
    expect((await seen())?.misses).toEqual([])
    // A policy of the newest level beside one that every level knows.
    await stage.control.write('mail', { [field]: value, timeout: 7000 })
    await stage.control.write('orders', { timeout: 4000 })
    await eventually(() => timeoutOf(mesh) === 4000, 'it goes on following')
    const mail = mesh.explain('mail').services[0]
    expect([mail?.policy.timeoutMs, mesh.explain().problems]).toEqual([7000, []])
    const sent = proxy.documents.flatMap(({ policies }) => (policies.mail?.document ? [policies.mail.document] : []))
    expect(sent.length).toBeGreaterThan(0)
    for (const document of sent) expect(Object.keys(document)).not.toContain(field)
    expect(await (await fetch('http://orders/')).text()).toBe('v1')
    await eventually(async () => (await seen())?.current === true, 'what it applied is known')
    expect(await seen()).toMatchObject({ schema: older, misses: ['mail'], refused: null })
    const { warnings } = (await stage.control.must('GET', '/v1/status')).body
    const [warning] = warnings.filter(({ code }: { code: string }) => code === 'old_schema')
    expect(warning.message).toMatch(new RegExp(`shop/shop-1 .* level ${older},.*mail`))
    printFigures('an older schema', { told: warning.message })
  },
)

test('a client that cannot use a policy keeps the one before, says why, and the status shows it until it can', async () => {
  const { stage, proxy, mesh, seen } = await skewed({})
  await stage.control.write('orders', { timeout: 3000 })
  const fetch = meshFetch(mesh)
  await fetch('http://orders/')
  await eventually(() => timeoutOf(mesh) === 3000, 'the first policy holds')
  // As if the control API were newer, and did not compile it down.
  proxy.rewriting = {
    document: ({ policies }) => {
      if (policies.orders?.document) policies.orders.document.teleport = { to: 'mars' }
    },
  }
  await stage.control.write('orders', { timeout: 4000 })
  await eventually(async () => (await seen())?.refused !== null, 'the refusal is known')
  const { refused } = (await seen()) as InstanceSeen
  expect(refused?.reason).toContain('teleport')
  expect(timeoutOf(mesh)).toBe(3000)
  expect(await (await fetch('http://orders/')).text()).toBe('v1')
  const { warnings } = (await stage.control.must('GET', '/v1/status')).body
  const [warning] = warnings.filter(({ code }: { code: string }) => code === 'refused_policy')
  expect(warning).toMatchObject({ service: 'shop', message: expect.stringContaining('teleport') })
  expect(await stage.control.metric('zerohop_control_refusing_clients')).toBe(1)
  expect(await mesh.metrics()).toMatch(/^zerohop_control_refused_total{reason="policy"[^}]*} [1-9]/m)
  proxy.rewriting = {}
  await stage.control.write('orders', { timeout: 5000 })
  await eventually(() => timeoutOf(mesh) === 5000, 'what it can use it uses again')
  await eventually(async () => (await seen())?.refused === null, 'nothing is refused any more')
  printFigures('a refused policy', { told: warning.message })
})
