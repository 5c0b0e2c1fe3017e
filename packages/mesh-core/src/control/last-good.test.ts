import { hash as digest } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { scene } from './scene-under-test.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
  directories.push(made)
  return join(made, 'kept')
}

test('the last good document is what the next process begins with, in a file that nobody else reads', async () => {
  const lastGood = directory()
  const first = scene(fakeClock(), { lastGood })
  first.api.putPolicy('inventory', { timeout: '1s' })
  first.api.putEndpoints('inventory', '10.0.0.1:80')
  await first.call('inventory')
  await first.clock.advance('2s')
  await first.control.close()
  const [file = ''] = readdirSync(lastGood)
  expect(statSync(lastGood).mode & 0o777).toBe(0o700)
  expect(statSync(join(lastGood, file)).mode & 0o777).toBe(0o600)
  const second = scene(fakeClock(), { lastGood })
  second.api.outage = new Error('down')
  expect(second.addresses('inventory')).toEqual(['10.0.0.1:80'])
  expect(second.sets.at(-1)?.services.get('inventory')?.timeout).toBe(1000)
  await second.control.ready()
  expect(second.control.explain()).toMatchObject({ source: 'last-good', version: first.api.version })
  await second.control.close()
})

test('a process that does nothing but call a service of its last good document follows the control API too', async () => {
  const lastGood = directory()
  const first = scene(fakeClock(), { lastGood })
  first.api.putEndpoints('inventory', '10.0.0.1:80')
  await first.call('inventory')
  await first.control.close()
  const second = scene(fakeClock(), { lastGood })
  second.api.putEndpoints('inventory', '10.0.0.2:80')
  expect(second.addresses('inventory')).toEqual(['10.0.0.1:80'])
  await second.clock.advance('1s')
  expect(second.addresses('inventory')).toEqual(['10.0.0.2:80'])
  await second.control.close()
})

test.each([
  ['truncated', (text: string) => text.slice(0, -5), 'file_truncated'],
  ['garbage', () => 'not one of ours', 'file_garbage'],
  ['bent', (text: string) => text.replace('10.0.0.1', '10.0.0.6'), 'file_garbage'],
  ['of another format', (text: string) => text.replace('zerohop-last-good 1', 'zerohop-last-good 2'), 'file_foreign'],
] as const)('a last good document that is %s is refused and counted, and the mesh starts without', async (_, spoil, reason) => {
  const lastGood = directory()
  const first = scene(fakeClock(), { lastGood })
  first.api.putEndpoints('inventory', '10.0.0.1:80')
  await first.call('inventory')
  await first.control.close()
  const file = join(lastGood, readdirSync(lastGood)[0] as string)
  writeFileSync(file, spoil(readFileSync(file, 'utf8')), { mode: 0o600 })
  const second = scene(fakeClock(), { lastGood })
  second.api.outage = new Error('down')
  expect(second.addresses('inventory')).toBeUndefined()
  expect(second.control.counts.refusals.get(reason)).toBe(1)
  expect(second.lines.join()).toMatch(/is not used as the last good document/)
  await second.control.close()
})

test('the last good document of another service is refused', async () => {
  const lastGood = directory()
  const first = scene(fakeClock(), { lastGood })
  first.api.putEndpoints('inventory', '10.0.0.1:80')
  await first.call('inventory')
  await first.control.close()
  const file = join(lastGood, 'cart.last-good')
  writeFileSync(file, resealed(readFileSync(file, 'utf8').replace('"service":"cart"', '"service":"user"')), { mode: 0o600 })
  const second = scene(fakeClock(), { lastGood })
  expect(second.control.counts.refusals.get('file_foreign')).toBe(1)
  await second.control.close()
})

test('a directory that others could have made or can write is not trusted, neither for reading nor for writing', async () => {
  const lastGood = directory()
  const first = scene(fakeClock(), { lastGood })
  first.api.putEndpoints('inventory', '10.0.0.1:80')
  await first.call('inventory')
  await first.control.close()
  chmodSync(lastGood, 0o777)
  const second = scene(fakeClock(), { lastGood })
  expect(second.addresses('inventory')).toBeUndefined()
  expect(second.lines.join()).toMatch(/can be written by others/)
  expect(second.control.counts.refusals.get('file_unreadable')).toBe(1)
  second.api.putEndpoints('inventory', '10.0.0.2:80')
  await second.call('inventory')
  await second.control.close()
  expect(second.lines.join()).toMatch(/the last good document cannot be kept/)
  expect(readFileSync(join(lastGood, 'cart.last-good'), 'utf8')).toContain('10.0.0.1:80')
})

test('a link in the place of the file is not followed', async () => {
  const lastGood = directory()
  const elsewhere = join(directory(), '..', 'secret')
  writeFileSync(elsewhere, 'mine')
  mkdirSync(lastGood, { mode: 0o700 })
  symlinkSync(elsewhere, join(lastGood, 'cart.last-good'))
  const { control, api, call } = scene(fakeClock(), { lastGood })
  expect(control.counts.refusals.get('file_unreadable')).toBe(1)
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  await control.close()
  expect(readFileSync(elsewhere, 'utf8')).toBe('mine')
  expect(readFileSync(join(lastGood, 'cart.last-good'), 'utf8')).toContain('10.0.0.1:80')
})

test('a burst of changes is one write, and a process that is behind does not overwrite one that is ahead', async () => {
  const lastGood = directory()
  const file = join(lastGood, 'cart.last-good')
  const { control, api, clock, call } = scene(fakeClock(), { lastGood })
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  const behind = scene(fakeClock(), { lastGood })
  behind.api.index = api.index - 1
  behind.api.putEndpoints('inventory', '10.0.0.1:80')
  behind.api.index--
  await behind.call('inventory')
  for (let n = 2; n < 9; n++) {
    api.putEndpoints('inventory', `10.0.0.${n}:80`)
    await clock.advance(100)
  }
  await clock.advance('1s')
  await control.close()
  const written = readFileSync(file, 'utf8')
  expect(written).toContain('10.0.0.8:80')
  await behind.control.close()
  expect(readFileSync(file, 'utf8')).toBe(written)
  expect(readdirSync(lastGood)).toEqual(['cart.last-good'])
})

function resealed(file: string): string {
  const body = file.slice(file.indexOf('\n') + 1)
  const [, format, , , version] = file.slice(0, file.indexOf('\n')).split(' ')
  return `zerohop-last-good ${format} ${Buffer.byteLength(body)} ${digest('sha256', body)} ${version}\n${body}`
}
