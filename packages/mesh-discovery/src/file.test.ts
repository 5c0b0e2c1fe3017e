import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Discovery, type EndpointInfo, MeshError, type Watch } from '@zerohop/mesh-core'
import { assert, property, string } from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileEndpoints, readEndpointFile } from './file.ts'

let directory = ''
let path = ''
let discovery: Discovery | null = null
const errors: string[] = []
let told: (() => void) | null = null

const log = {
  info: () => {},
  warn: () => {},
  error: (line: string) => {
    errors.push(line)
    told?.()
  },
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-endpoints-'))
  path = join(directory, 'endpoints.yaml')
  errors.length = 0
})

afterEach(async () => {
  await discovery?.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(text: string | null): Discovery {
  if (text !== null) writeFileSync(path, text)
  discovery = fileEndpoints(path, { log })
  return discovery
}

function addresses(watch: Watch<readonly EndpointInfo[]> | null | undefined): string[] | undefined {
  return watch?.current?.map(({ address }) => address)
}

/** Writes the file and waits until the watch has a new value. */
async function change(watch: Watch<readonly EndpointInfo[]> | null, text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = watch?.subscribe(() => {
      stop?.()
      resolve()
    })
    writeFileSync(path, text)
  })
}

async function nextError(act: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    told = resolve
    act()
  })
}

test('endpoints are there at once, and change with the file', async () => {
  const watch = open('inventory:\n  - 10.0.0.1:8080\n  - { address: 10.0.0.2:8080, version: v2 }\n').watch('inventory')
  expect(watch?.current).toEqual([
    { address: '10.0.0.1:8080', labels: {}, zone: '', weight: 1 },
    { address: '10.0.0.2:8080', labels: { version: 'v2' }, zone: '', weight: 1 },
  ])
  await change(watch, '{"inventory": ["10.0.0.3:8080"]}')
  expect(addresses(watch)).toEqual(['10.0.0.3:8080'])
})

test('a service that vanishes keeps the watch that is followed, without endpoints, and one that appears is found', async () => {
  const file = open('inventory: [10.0.0.1:8080]\n')
  const inventory = file.watch('inventory')
  inventory?.subscribe(() => {})
  expect(file.watch('cart')).toBeNull()
  await change(inventory, 'cart: [10.0.0.2:8080]\n')
  expect(inventory?.current).toEqual([])
  expect(file.watch('inventory')).toBe(inventory)
  expect(addresses(file.watch('cart'))).toEqual(['10.0.0.2:8080'])
  expect(file.services()).toEqual(['cart'])
  await change(inventory, 'inventory: [10.0.0.4:8080]\n')
  expect(addresses(inventory)).toEqual(['10.0.0.4:8080'])
})

test('a service whose endpoints did not change is not told', async () => {
  const file = open('inventory: [10.0.0.1:8080]\ncart: [10.0.0.2:8080]\n')
  let calls = 0
  file.watch('cart')?.subscribe(() => calls++)
  await change(file.watch('inventory'), 'cart: [10.0.0.2:8080]\ninventory: [10.0.0.9:8080]\n')
  expect(calls).toBe(0)
})

test('broken content is reported with its place, and the last good endpoints stay', async () => {
  const file = open('inventory: [10.0.0.1:8080]\n')
  await nextError(() => writeFileSync(path, 'inventory: [10.0.0.1:8080]\ncart: [10.0.0.1]\n'))
  expect(errors).toEqual([
    `endpoints refused, the last good ones stay: ${path}:2:8: cart[0]: "10.0.0.1": expected \`host:port\`, such as "10.0.0.1:8080", "[::1]:8080" or "inventory.local:8080"`,
  ])
  expect(addresses(file.watch('inventory'))).toEqual(['10.0.0.1:8080'])
  await nextError(() => rmSync(path))
  expect(errors.at(-1)).toContain('cannot be read: ENOENT')
  expect(addresses(file.watch('inventory'))).toEqual(['10.0.0.1:8080'])
})

test('a file that is not there yet is reported, and read when it comes', async () => {
  const file = open(null)
  expect(errors).toHaveLength(1)
  expect(file.services()).toEqual([])
  expect(file.watch('inventory')).toBeNull()
  writeFileSync(path, 'inventory: [10.0.0.1:8080]\n')
  await expect.poll(() => addresses(file.watch('inventory')), { timeout: 4000 }).toEqual(['10.0.0.1:8080'])
})

test.each([
  ['a second document', 'a: [a:1]\n---\nb: [b:1]\n', 'x:3:1: a second document'],
  ['a service written twice', 'a: [a:1]\na: [b:1]\n', 'x:2:1: key `a` is written twice'],
  ['an address listed twice', 'a: [a:1, A:1]\n', 'x:1:10: a[1]: a:1 is listed twice'],
  ['broken YAML', 'a: [a:1\nb: "', 'x:2:'],
  ['a list', '- a:1', 'x:1:1: expected a map of fields, found a list'],
  ['an unknown key', 'a: [{ address: a:1, wieght: 2 }]', 'x:1:21: a[0].wieght: unknown key `wieght`: did you mean `weight`?'],
])('%s is refused', (_, text, problem) => {
  const reading = readEndpointFile(text, 'x')
  expect('problems' in reading && reading.problems.join('\n')).toContain(problem)
})

test('an empty file lists no endpoints', () => {
  expect(readEndpointFile('# none\n', 'x')).toEqual({ table: new Map() })
})

test('no text makes reading throw', () => {
  assert(
    property(string({ unit: 'binary' }), (text) => 'table' in readEndpointFile(text, 'x') || 'problems' in readEndpointFile(text, 'x')),
  )
})

test('wrong arguments throw one error', () => {
  const wrong = (): Discovery => fileEndpoints('', { lgo: 1 } as never)
  expect(wrong).toThrow(MeshError)
  expect(wrong).toThrow('fileEndpoints: path: expected the path of a file, found ""; options.lgo: unknown key `lgo`: did you mean `log`?')
})

test('a service that vanished is remembered while somebody follows it, and not for ever', async () => {
  const file = open('inventory: [10.0.0.1:8080]\ncart: [10.0.0.2:8080]\n')
  const followed = file.watch('inventory')
  const asked = file.watch('cart')
  const stop = followed?.subscribe(() => {})
  writeFileSync(path, 'user: [10.0.0.3:8080]\n')
  await expect.poll(() => file.services(), { timeout: 4000 }).toEqual(['user'])
  expect([file.watch('inventory') === followed, file.watch('cart'), asked?.current]).toEqual([true, null, []])
  stop?.()
  writeFileSync(path, 'user: [10.0.0.4:8080]\n')
  await expect.poll(() => addresses(file.watch('user')), { timeout: 4000 }).toEqual(['10.0.0.4:8080'])
  expect(file.watch('inventory')).toBe(null)
})
