/** The bench says which word of its command line it cannot take, and measures nothing then. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './source.ts'

test.each([
  [['stack', '--watcher', '3'], /^bench: Unknown option '--watcher'/],
  [['nope'], /^bench: there is no bench nope; there are stack, wire, endpoints, control\n/],
  [[], /^bench: name one: stack, wire, endpoints, control\n/],
  [['stack', 'wire'], /^bench: one at a time: stack, or wire\n/],
  [['stack', '--mtls'], /^bench: --mtls is none of stack's flags\n/],
  [['wire', '--tls', '--watchers', '5'], /^bench: --watchers is none of wire's flags; --tls is none of wire's flags\n/],
  [['wire', '--grpc', '--mtls'], /^bench: --grpc and --mtls exclude each other\n/],
  [['control', '--watchers', 'x'], /^bench: --watchers: expected a whole number from 1, not x\n/],
])('%j is refused', (args, problem) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bench/main.ts'), ...args], { encoding: 'utf8' })
  expect(stderr).toMatch(problem)
  expect(stderr).toContain('pnpm bench <name>')
  expect([status, stdout]).toEqual([2, ''])
})
