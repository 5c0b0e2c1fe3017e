import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Clients, ControlStage } from '../support/control-stage.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'

/** The part of a token that nobody but its holder may have. */
function secretOf(token: string): string {
  const secret = token.slice(16)
  expect(secret).toHaveLength(43)
  return secret
}

/** Every file below a directory, by its path. */
function filesOf(directory: string): [path: string, content: string][] {
  return readdirSync(directory, { withFileTypes: true, recursive: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    return entry.isFile() ? [[path, readFileSync(path, 'latin1')] as [string, string]] : []
  })
}

test('no secret is in anything that a control API and its clients print, write, answer or count', async () => {
  await using stage = await ControlStage.start()
  const { control } = stage
  const said: [where: string, text: string][] = []
  const ask = async (...asked: Parameters<typeof control.ask>): Promise<void> => {
    const { body, headers } = await control.ask(...asked)
    said.push([`${asked[0]} ${asked[1].slice(0, 40)}`, JSON.stringify([body, [...headers]])])
  }
  const firstAdmin = control.admin
  const tokens = [firstAdmin, await stage.admit('orders'), await stage.admit('shop')]
  const lastGood = join(stage.directory, 'last-good')
  const programs: Clients[] = []
  const talkative = async (instance: string, part: object): Promise<Clients> => {
    const settings = { instances: [instance], uses: [], lastGood, isTalkative: true, service: 'shop', ...part }
    const clients = await stage.clients(settings, { isCaptured: true })
    programs.push(clients)
    return clients
  }
  await talkative('orders-1', { service: 'orders', serves: 'v1' })
  const shop = await talkative('shop-1', { uses: ['orders'], calls: 'orders' })
  await control.write('orders', { timeout: 3000 })
  const timeoutOf = async (): Promise<number | undefined> => (await shop.holds()).meshes[0]?.services.orders?.timeoutMs
  await eventually(async () => (await timeoutOf()) === 3000, 'the policy holds')

  // Everything that goes wrong: tokens that are wrong, of others, in the wrong place; policies that are refused; a token that turns over; a death.
  const forged = `${firstAdmin.slice(0, -6)}AAAAAA`
  tokens.push(forged)
  for (const token of tokens) {
    for (const path of [
      '/v1/status',
      '/v1/tokens',
      '/v1/audit',
      '/v1/history',
      '/metrics',
      '/v1/documents/shop?instance=a&schema=1',
      `/v1/${token}`,
    ]) {
      await ask('GET', path, { token })
    }
    await ask('GET', `/v1/documents/shop?instance=${token}&schema=1&reason=${token}`, { token })
    await ask('PUT', '/v1/policies/cart', { token, body: { timeout: token } })
    await ask('PUT', '/v1/policies/cart', { token, body: `{"x": ${token}` })
    await ask('PUT', '/v1/instances/shop/x', { token, body: { address: token } })
    await ask('POST', '/v1/tokens', { token, body: { service: token } })
  }
  const rotated = (await control.must('POST', '/v1/tokens:rotate-admin')).body.token as string
  control.admin = rotated
  tokens.push(rotated)
  await control.kill()
  await eventually(async () => (await shop.holds()).meshes[0]?.state === 'lost', 'the shop is out of contact')
  await control.start()
  await ask('GET', '/v1/status', { token: firstAdmin })
  // The token of the shop is taken back, and it gets another one.
  const listed = (await control.must('GET', '/v1/tokens')).body.tokens as { id: string; service: string | null }[]
  const old = listed.find(({ service }) => service === 'shop')
  await control.must('DELETE', `/v1/tokens/${old?.id}`)
  const isRefused = async (): Promise<boolean> =>
    (await shop.holds()).meshes[0]?.problems.some((one) => one.includes('revoked_token')) === true
  await eventually(
    async () => {
      await control.write('orders', { timeout: 4000 + Math.floor(Math.random() * 1000) })
      return isRefused()
    },
    'the shop is told that its token is void',
    30_000,
  )
  tokens.push(await stage.admit('shop'))
  await eventually(async () => (await shop.holds()).meshes[0]?.state === 'connected', 'the shop is back', 30_000)
  await talkative('shop-2', { uses: ['orders'] })

  for (const path of ['/v1/tokens', '/v1/audit?limit=1000', '/v1/status', '/metrics', '/v1/openapi.json']) await ask('GET', path)
  for (const clients of programs) {
    const told = await clients.holds()
    said.push(['metrics of a client', told.metrics], ['what a client explains', JSON.stringify(told.meshes)])
    clients.program.child.kill('SIGTERM')
  }
  await Promise.all(programs.map(({ program }) => program.ended))
  for (const [at, { program }] of programs.entries()) said.push([`what client ${at} printed`, program.printed])
  // Once, on its first start, the control API shows the admin token to whoever started it.
  expect(control.printed.split(firstAdmin)).toHaveLength(2)
  said.push(['what the control API printed', control.printed.replace(firstAdmin, '')])
  const written = [...filesOf(control.data), ...filesOf(lastGood)]
  said.push(...written)
  expect(written.map(([path]) => path).join()).toMatch(/shop\.last-good/)
  expect(said.find(([where]) => where === 'what client 1 printed')?.[1]).toContain('revoked_token')

  const secrets = tokens.map(secretOf)
  const told = said.filter(([, text]) => secrets.some((secret) => text.includes(secret.slice(0, 20)))).map(([where]) => where)
  printFigures('secrets', {
    tokens: tokens.length,
    texts: said.length,
    files: written.length,
    bytes: said.reduce((sum, [, text]) => sum + text.length, 0),
  })
  expect(told).toEqual([])
}, 90_000)
