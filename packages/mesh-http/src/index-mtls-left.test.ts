import { describe, expect, test } from 'vitest'
import { MtlsUnderTest } from './mtls-under-test.ts'

const dayMs = 86_400_000
const minuteMs = 60_000

function leastLeft(metrics: string): number {
  return Number(/^zerohop_certificates_least_left_seconds\{source="test"\} (\S+)$/m.exec(metrics)?.[1])
}

describe('what certificates had left when requests began', () => {
  test('is the least of both ends, and stays when newer ones come', async () => {
    await using under = new MtlsUnderTest()
    const { server, source } = await under.serve((_, response) => response.end())
    source.turn(under.authority.identityOf('inventory', { notAfter: Date.now() + minuteMs }))
    const caller = under.call()
    caller.list(server.address)
    await (await caller.fetch('http://inventory/1')).text()
    const short = leastLeft(await caller.mesh.metrics())
    expect(short).toBeGreaterThan(0)
    expect(short).toBeLessThanOrEqual(minuteMs / 1000)
    source.turn(under.authority.identityOf('inventory', { notAfter: Date.now() + dayMs }))
    caller.source.turn()
    await (await caller.fetch('http://inventory/2')).text()
    expect(leastLeft(await caller.mesh.metrics())).toBeLessThanOrEqual(short)
  })

  test('is not there while requests go in plaintext', async () => {
    await using under = new MtlsUnderTest()
    const { server } = await under.serve((_, response) => response.end())
    const caller = under.call()
    caller.listPlain(server.address)
    expect((await caller.fetch('http://inventory/1')).status).toBe(200)
    expect(await caller.mesh.metrics()).not.toContain('zerohop_certificates_least_left_seconds{')
  })
})
