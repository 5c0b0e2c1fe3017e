import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { helpText, readInvocation } from './invocation.ts'
import { BadSettings } from './settings.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-settings-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function file(text: string): string {
  const path = join(directory, 'control.yaml')
  writeFileSync(path, text)
  return path
}

function settings(argv: readonly string[], environment: Record<string, string> = {}) {
  const invocation = readInvocation(argv, environment)
  if (!('settings' in invocation)) throw new Error('no settings')
  return invocation.settings
}

function problems(argv: readonly string[], environment: Record<string, string> = {}): string {
  try {
    readInvocation(argv, environment)
  } catch (error) {
    if (error instanceof BadSettings) return error.message
    throw error
  }
  return ''
}

test('without any, it listens on this machine alone', () => {
  const where = { host: '127.0.0.1', port: 7443, data: './zerohop-data', lease: 30_000, maxConnections: 25_000 }
  expect(settings([])).toEqual({ ...where, tls: 'on', tlsNames: [], trustDomain: 'zerohop.local', leafLife: 86_400_000 })
})

test('a flag counts before a variable, a variable before the file, the file before the default', () => {
  const path = file('port: 1\nhost: "::1"\nlease: 1m\nmaxConnections: 10\n')
  const environment = { ZEROHOP_CONTROL_CONFIG: path, ZEROHOP_CONTROL_PORT: '2', ZEROHOP_CONTROL_MAX_CONNECTIONS: '20' }
  const expected = { host: '::1', port: 3, data: 'd', lease: 60_000, maxConnections: 20 }
  expect(settings(['--port=3', '--data', 'd'], environment)).toMatchObject(expected)
})

test.each<[what: string, argv: readonly string[], environment: Record<string, string>, problem: string]>([
  ['an unknown flag', ['--prot', '1'], {}, '--prot: no such flag: did you mean port?; see --help'],
  ['a word that is no flag', ['serve'], {}, 'serve: no such flag'],
  ['a flag without its value', ['--port'], {}, '--port: a value is missing'],
  ['a flag twice', ['--port', '1', '--port', '2'], {}, '--port: written twice'],
  ['a port that is none', ['--port', 'http'], {}, '--port: expected a whole number from 0 to 65535'],
  ['a port out of range', [], { ZEROHOP_CONTROL_PORT: '70000' }, 'ZEROHOP_CONTROL_PORT: expected a whole number from 0 to 65535'],
  ['an unknown variable', [], { ZEROHOP_CONTROL_PROT: '1' }, 'ZEROHOP_CONTROL_PROT: no such variable: did you mean ZEROHOP_CONTROL_PORT?'],
  ['TLS that is neither', ['--tls', 'maybe'], {}, '--tls: expected one of on, off'],
  ['a life that is too short', ['--leaf-life', '9s'], {}, '--leaf-life: expected a duration from 10s to 2160h'],
  ['a life that is too long', ['--leaf-life', '2161h'], {}, '--leaf-life: expected a duration from 10s to 2160h'],
  ['a trust domain that is none', ['--trust-domain', 'Shop'], {}, '--trust-domain: a trust domain has lower-case letters'],
  ['no trust domain', ['--trust-domain='], {}, '--trust-domain: '],
  ['two seals', ['--ca-key-file', 'a', '--ca-passphrase-file', 'b'], {}, 'caKeyFile: expected a key file or a passphrase file, not both'],
  ['a rotation of nobody', ['rotate-root'], { ZEROHOP_ADMIN_TOKEN: 'x' }, '--control: expected a URL such as https://127.0.0.1:7443'],
  [
    'a rotation whose token anybody on the way could read',
    ['rotate-root', '--control', 'http://control:7443'],
    { ZEROHOP_ADMIN_TOKEN: 'x' },
    '--control: the admin token could be read on the way to control:7443 without TLS: expected https',
  ],
  ['a rotation by nobody', ['rotate-root', '--control', 'https://a'], {}, 'ZEROHOP_ADMIN_TOKEN: an admin token is wanted there'],
  ['a rotation with a word too much', ['rotate-root', '--prot', '1'], {}, "rotate-root: Unknown option '--prot'"],
  ['a lease that is too short', ['--lease', '10ms'], {}, '--lease: expected a duration from 1s to 1h'],
  [
    'a rotation of a page',
    ['rotate-root', '--control', 'https://a/b?c'],
    { ZEROHOP_ADMIN_TOKEN: 'x' },
    '--control: expected the origin alone',
  ],
  ['a command behind a flag', ['--data', 'd', 'rotate-root'], {}, 'rotate-root: a command stands first; see --help'],
  ['an empty file name', ['--config', ''], {}, '--config: expected the path of a file'],
  ['an empty file name in a variable', [], { ZEROHOP_CONTROL_CONFIG: '' }, 'ZEROHOP_CONTROL_CONFIG: expected the path of a file'],
  ['a file that is not there', ['--config', '/nowhere/at/all.yaml'], {}, '/nowhere/at/all.yaml: cannot be read'],
])('%s is refused', (_, argv, environment, problem) => {
  expect(problems(argv, environment)).toContain(problem)
})

test('everything wrong is told at once, with its place in the file', () => {
  const path = file('prot: 1\nlease: soon\n')
  expect(problems(['--config', path, '--port', 'x'], { ZEROHOP_CONTROL_HSOT: 'a' }).split('\n')).toEqual([
    'ZEROHOP_CONTROL_HSOT: no such variable: did you mean ZEROHOP_CONTROL_HOST?; see --help',
    `${path}:2:8: lease: expected a duration from 1s to 1h, such as "30s"`,
    `${path}:1:1: prot: unknown key \`prot\`: did you mean \`port\`?`,
    expect.stringContaining('--port: expected a whole number'),
  ])
})

test('names come joined by commas, and as a list from the file', () => {
  expect(settings(['--tls-names', 'control, 10.0.0.1,'])).toMatchObject({ tlsNames: ['control', '10.0.0.1'] })
  expect(settings(['--config', file('tlsNames: [control]\ntls: off\n')])).toMatchObject({ tlsNames: ['control'], tls: 'off' })
})

test('a rotation is told where, by which roots, and with which token', () => {
  const invocation = readInvocation(['rotate-root', '--control', 'https://control:7443', '--ca', 'ca.pem'], { ZEROHOP_ADMIN_TOKEN: 'zh_x' })
  expect(invocation).toEqual({
    task: 'rotate-root',
    order: { control: new URL('https://control:7443'), ca: 'ca.pem', token: 'zh_x' },
  })
})

test('the variables that Kubernetes makes of a service called zerohop-control are not taken for settings', () => {
  const links = {
    ZEROHOP_CONTROL_SERVICE_HOST: '10.0.0.1',
    ZEROHOP_CONTROL_SERVICE_PORT: '7443',
    ZEROHOP_CONTROL_PORT: 'tcp://10.0.0.1:7443',
    ZEROHOP_CONTROL_PORT_7443_TCP_ADDR: '10.0.0.1',
  }
  expect(settings([], links).port).toBe(7443)
})

test('the help names every flag, variable and key, and what counts before what', () => {
  const help = helpText()
  for (const word of [
    '--max-connections',
    'ZEROHOP_CONTROL_MAX_CONNECTIONS',
    'maxConnections',
    '--config',
    '--rotate-admin-token',
    'rotate-root',
    '--tls-names',
  ])
    expect(help).toContain(word)
  expect(help).toContain('A flag counts before a variable, a variable before the file, the file before the default.')
  expect(readInvocation(['--help'], {})).toEqual({ task: 'help' })
})
