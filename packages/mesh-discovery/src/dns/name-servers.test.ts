import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NameServers } from './name-servers.ts'

let folder = ''
const lines: string[] = []
const say = (line: string): void => void lines.push(line)
const log = { info: say, warn: say, error: say }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerohop-servers-'))
})

afterAll(() => rm(folder, { recursive: true }))

test('the machine’s servers are followed as its file changes, and stay when the file goes', async () => {
  const path = join(folder, 'resolv.conf')
  await writeFile(path, 'nameserver 10.0.0.2\n')
  const servers = new NameServers(null, log, path)
  const hosts = (): string[] => servers.settings.servers.map(({ host }) => host)
  expect(hosts()).toEqual(['10.0.0.2'])
  await writeFile(path, 'nameserver 10.0.0.3\nnameserver dns.internal\n')
  await expect.poll(hosts, { timeout: 5000 }).toEqual(['10.0.0.3'])
  expect(lines).toEqual([`dns: ${path}: line 2: nameserver: "dns.internal" is no IP address`])
  await rm(path)
  await expect.poll(() => lines.length, { timeout: 5000 }).toBe(2)
  expect(lines[1]).toContain('cannot be read, and the DNS servers stay as they are')
  expect(hosts()).toEqual(['10.0.0.3'])
  servers.close()
})

test('servers that the program names are asked, whatever the machine says', () => {
  const named = [{ host: '10.0.0.9', port: 5353 }]
  expect(new NameServers({ servers: named, timeoutMs: 100 }, log).settings).toEqual({ servers: named, timeoutMs: 100, rounds: 2 })
})
