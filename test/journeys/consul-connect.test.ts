import { createMesh, currentCaller, type IdentitySource, type Mesh } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { connectIdentity, consulEndpoints, consulRegistration } from '@zerohop/mesh-discovery/consul'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { expect, test } from 'vitest'
import { ConsulCluster, whyNoConsul } from '../support/consul.ts'
import { eventually } from '../support/eventually.ts'
import { quietLog as log } from '../support/quiet-log.ts'

const why = whyNoConsul()

const access = { mtls: 'strict', allow: [{ from: ['shop'] }] }

function identityOf(cluster: ConsulCluster, service: string): IdentitySource {
  return connectIdentity({ address: cluster.addresses, service, log })
}

test.skipIf(why !== '')('two services know each other by what Consul issues, through a turn of its root and without it', async () => {
  await using cluster = await ConsulCluster.start(1)
  const address = cluster.addresses
  const policy = { service: 'orders', access }
  await using orders = createMesh({
    service: 'orders',
    log,
    policy,
    identity: identityOf(cluster, 'orders'),
    registration: consulRegistration({ address, log }),
  })
  const server = await serveHttp(orders, (_, response) => response.end(currentCaller()?.spiffeId ?? 'nobody'), {
    port: 0,
    host: '127.0.0.1',
    signals: false,
  })
  const callers = ['shop', 'stranger'].map((service): { mesh: Mesh; identity: IdentitySource } => {
    const identity = identityOf(cluster, service)
    const discovery = consulEndpoints({ address, services: ['orders'], log })
    return { mesh: createMesh({ service, log, policy, identity, discovery }), identity }
  })
  const [shop, stranger] = callers as [(typeof callers)[0], (typeof callers)[0]]
  await using _shop = shop.mesh
  await using _stranger = stranger.mesh
  const fetchAs = ({ mesh }: typeof shop): Promise<Response> => meshFetch(mesh)('http://orders/')

  await eventually(async () => (await fetchAs(shop).catch(() => null))?.status === 200, 'the shop is let in')
  const domain = shop.identity.current?.bundle.trustDomain ?? ''
  expect(domain).toMatch(/^[0-9a-f-]{36}\.consul$/)
  expect(await (await fetchAs(shop)).text()).toBe(`spiffe://${domain}/ns/default/dc/dc1/svc/shop`)
  await eventually(async () => (await fetchAs(stranger).catch(() => null))?.status === 403, 'another service is turned away')
  expect((await fetch(`http://${server.address}/`)).status).toBe(403)

  // Leaves of the old root are good until all have new ones.
  const { root } = testAuthority(domain)
  await cluster.put('/v1/connect/ca/configuration', { Provider: 'consul', Config: { PrivateKey: root.keyPem, RootCert: root.pem } })
  const turned = ({ identity }: typeof shop): boolean => (identity.current?.certificates.match(/BEGIN/g)?.length ?? 0) > 1
  let [calls, failures] = [0, 0]
  await eventually(
    async () => {
      calls++
      if ((await fetchAs(shop).catch(() => null))?.status !== 200) failures++
      return turned(shop)
    },
    'the shop has a certificate of the new root',
    90_000,
  )
  expect([calls > 0, failures, shop.identity.current?.bundle.roots.length]).toEqual([true, 0, 2])

  await cluster.killAll()
  expect(await (await fetchAs(shop)).text()).toBe(`spiffe://${domain}/ns/default/dc/dc1/svc/shop`)
})
