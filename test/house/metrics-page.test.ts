/** The documentation of metrics names exactly the metrics that there are. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createControlApi } from '@zerohop/control-api'
import { createMesh } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { projectText } from './source.ts'

test('docs/metrics.md lists every metric of a mesh with its kind, and no other', async () => {
  const identity = testAuthority().identitySource('shop')
  await using mesh = createMesh({ service: 'shop', policy: { service: 'payment', breaker: {} } })
  // Of the control API nothing is asked before the mesh is used.
  await using controlled = createMesh({ service: 'shop', control: 'http://127.0.0.1:9', lastGood: false, identity })
  const page = (await mesh.metrics()) + (await controlled.metrics())
  const rendered = [...new Set([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`))]
  const documented = [...projectText('docs/metrics.md').matchAll(/^\| `(zerohop_\w+)` \| (\w+) \|/gm)].map(
    ([, name, kind]) => `${name} ${kind}`,
  )
  expect(rendered.length).toBeGreaterThan(5)
  expect(documented.sort()).toEqual(rendered.sort())
})

test('docs/control-api.md lists every metric of a control API, and no other', async () => {
  const data = mkdtempSync(join(tmpdir(), 'zerohop-metrics-'))
  const control = await createControlApi({ data, tls: 'on' })
  try {
    const page = control.operations.find(({ path }) => path === '/metrics')
    const answer = await page?.handle?.({ caller: null, remote: '', params: {}, query: {}, headers: {}, body: undefined })
    const rendered = [...String(answer?.body).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
    const rows = projectText('docs/control-api.md').matchAll(/^\| (`zerohop_control_\w+[^|]*) \|/gm)
    const documented = [...rows].flatMap(([, names = '']) => [...names.matchAll(/`(\w+)(?:\{[\w,]+\})?`/g)].map(([, name]) => name))
    expect(rendered.length).toBeGreaterThan(15)
    expect(documented.sort()).toEqual(rendered.sort())
  } finally {
    await control.close()
    rmSync(data, { recursive: true })
  }
})
