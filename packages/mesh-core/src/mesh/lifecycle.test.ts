import { expect, test } from 'vitest'
import { Lifecycle } from './lifecycle.ts'

function recorded(log: string[], name: string) {
  return { close: async (graceMs: number) => void log.push(`${name} ${graceMs > 0 ? 'in peace' : 'at once'}`) }
}

test('servers end before everything else, and the end comes once', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  lifecycle.add(recorded(log, 'pool'), 'client')
  lifecycle.add(recorded(log, 'server'), 'server')
  const last = async (): Promise<void> => void log.push('last')
  await Promise.all([lifecycle.close(1000, last), lifecycle.close(1000, last)])
  expect(log).toEqual(['server in peace', 'pool in peace', 'last'])
})

test('one that fails to close, now or later, keeps no other open', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  const fails = (): never => {
    throw new Error('cannot close')
  }
  lifecycle.add({ close: fails }, 'server')
  lifecycle.add({ close: () => Promise.reject(new Error('cannot close')) }, 'server')
  lifecycle.add(recorded(log, 'pool'), 'client')
  await lifecycle.close(1000, async () => {})
  expect(log).toEqual(['pool in peace'])
})

test('what is added to an end that has come ends at once', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  await lifecycle.close(0, async () => {})
  lifecycle.add(recorded(log, 'late'), 'client')
  expect(log).toEqual(['late at once'])
})
