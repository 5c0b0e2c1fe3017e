import { fakeClock } from '@zerohop/mesh-core/testing'
import { describe, expect, test } from 'vitest'
import { NaiveClient } from '../testing/naive-client.ts'
import { TestPlane } from '../testing/test-plane.ts'
import { instanceStatuses, statusWarnings } from './mesh-status.ts'
import { VersionWatch } from './version-watch.ts'

function watched(plane = new TestPlane(fakeClock())) {
  const { documents, clock, registry, stores } = plane
  const versions = new VersionWatch(documents.catalog, clock)
  registry.subscribe((service) => versions.changed(service))
  stores.policies.subscribe((services) => {
    for (const service of services) versions.changed(service)
  })
  return { plane, parts: { documents, versions, clock } }
}

const split = {
  versions: { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } }, v3: { labels: { version: 'v3' } } },
  to: [{ version: 'v1' }, { version: 'v2' }, { version: 'v3', weight: 0 }],
}

describe('instances', () => {
  test('show what they applied, whether that is the newest for them, and how long ago they were heard of', async () => {
    const { plane, parts } = watched()
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.poll()
    await plane.clock.advance('2s')
    expect(instanceStatuses(parts)).toMatchObject([
      { service: 'shop', instance: 'i1', sdk: '0.1.0', schema: 2, applied: client.version, current: true, parked: true, ageMs: 2000 },
    ])
    plane.write('payment', { timeout: '1s' })
    expect(instanceStatuses(parts)).toMatchObject([{ current: false }])
    await plane.clock.advance(100)
    expect(instanceStatuses(parts)).toMatchObject([{ current: false, parked: false }])
    client.apply()
    client.poll()
    expect(instanceStatuses(parts)).toMatchObject([{ current: true, applied: client.version }])
    expect(instanceStatuses(parts, 'other')).toEqual([])
  })

  test('that have just asked for one service more are not on the newest before they have applied it', () => {
    const { plane, parts } = watched()
    plane.write('payment', { timeout: '1s' })
    plane.write('user', { timeout: '1s' })
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.uses = ['payment', 'user']
    client.poll()
    expect(instanceStatuses(parts)).toMatchObject([{ current: false, parked: false }])
    client.apply()
    client.poll()
    expect(instanceStatuses(parts)).toMatchObject([{ current: true, parked: true }])
  })

  test('that refused a version say which and why, until they no longer do', () => {
    const { plane, parts } = watched()
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    const refused = { version: client.document.version, reason: 'payment.timeout: cannot be read' }
    client.poll({ refused })
    expect(instanceStatuses(parts)).toMatchObject([{ refused, applied: null }])
    expect(statusWarnings(parts)).toMatchObject([
      { code: 'refused_policy', service: 'shop', message: expect.stringContaining('payment.timeout: cannot be read') },
    ])
    client.apply()
    client.poll()
    expect(statusWarnings(parts)).toEqual([])
  })

  test('below the newest schema are named with the policies that they do not fully get', () => {
    const { plane, parts } = watched()
    plane.write('mail', { external: true, timeout: '1s' })
    plane.write('defaults', { timeout: '1s' })
    const old = new NaiveClient(plane, 'old', ['mail'])
    old.schema = 1
    old.poll()
    new NaiveClient(plane, 'new', ['mail']).poll()
    expect(instanceStatuses(parts).map(({ instance, misses }) => [instance, misses])).toEqual([
      ['old', ['mail']],
      ['new', []],
    ])
    expect(statusWarnings(parts)).toMatchObject([{ code: 'old_schema', service: 'shop' }])
  })
})

describe('warnings', () => {
  test('name a used version whose last instance went, and when; and end when it is back', async () => {
    const { plane, parts } = watched()
    plane.lease('payment', 'p1', { labels: { version: 'v1' } })
    plane.lease('payment', 'p2', { labels: { version: 'v2' } })
    plane.write('payment', split)
    await plane.clock.advance('1s')
    expect(statusWarnings(parts)).toEqual([])
    plane.registry.release('payment', 'p2')
    await plane.clock.advance('1s')
    expect(statusWarnings(parts)).toEqual([
      {
        code: 'lost_version',
        service: 'payment',
        message:
          'The policy of payment sends calls to v2, and no instance of it holds a lease: the last one went at 1970-01-01T00:00:01.250Z.',
      },
    ])
    plane.lease('payment', 'p3', { labels: { version: 'v2', zone: 'b' } })
    expect(statusWarnings(parts)).toEqual([])
  })

  test('name a used version that nobody ever ran, and a service with a policy and without instances', () => {
    const { plane, parts } = watched()
    plane.write('payment', split)
    plane.write('mail', { external: true })
    plane.write('defaults', { timeout: '1s' })
    const codes = statusWarnings(parts).map(({ code, service }) => `${code} ${service}`)
    expect(codes).toEqual(['lost_version payment', 'lost_version payment', 'no_instances payment'])
    expect(statusWarnings(parts, 'mail')).toEqual([])
  })
})
