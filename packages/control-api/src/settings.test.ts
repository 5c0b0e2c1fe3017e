import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BadSettings, helpText, readInvocation } from './settings.ts'

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
  if (invocation.task === 'help' || invocation.task === 'version') throw new Error('no settings')
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
  expect(settings([])).toEqual({ host: '127.0.0.1', port: 7443, data: './zerohop-data', lease: 30_000, maxConnections: 25_000 })
})

test('a flag counts before a variable, a variable before the file, the file before the default', () => {
  const path = file('port: 1\nhost: "::1"\nlease: 1m\nmaxConnections: 10\n')
  const environment = { ZEROHOP_CONTROL_CONFIG: path, ZEROHOP_CONTROL_PORT: '2', ZEROHOP_CONTROL_MAX_CONNECTIONS: '20' }
  expect(settings(['--port=3', '--data', 'd'], environment)).toEqual({ host: '::1', port: 3, data: 'd', lease: 60_000, maxConnections: 20 })
})

test.each<[what: string, argv: readonly string[], environment: Record<string, string>, problem: string]>([
  ['an unknown flag', ['--prot', '1'], {}, '--prot: no such flag: did you mean port?; see --help'],
  ['a word that is no flag', ['serve'], {}, 'serve: no such flag'],
  ['a flag without its value', ['--port'], {}, '--port: a value is missing'],
  ['a flag twice', ['--port', '1', '--port', '2'], {}, '--port: written twice'],
  ['a port that is none', ['--port', 'http'], {}, '--port: expected a whole number from 0 to 65535'],
  ['a port out of range', [], { ZEROHOP_CONTROL_PORT: '70000' }, 'ZEROHOP_CONTROL_PORT: expected a whole number from 0 to 65535'],
  ['an unknown variable', [], { ZEROHOP_CONTROL_PROT: '1' }, 'ZEROHOP_CONTROL_PROT: no such variable: did you mean ZEROHOP_CONTROL_PORT?'],
  ['a lease that is too short', ['--lease', '10ms'], {}, '--lease: expected a duration from 1s to 1h'],
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
  for (const word of ['--max-connections', 'ZEROHOP_CONTROL_MAX_CONNECTIONS', 'maxConnections', '--config', '--rotate-admin-token'])
    expect(help).toContain(word)
  expect(help).toContain('A flag counts before a variable, a variable before the file, the file before the default.')
  expect(readInvocation(['--help'], {})).toEqual({ task: 'help' })
})
