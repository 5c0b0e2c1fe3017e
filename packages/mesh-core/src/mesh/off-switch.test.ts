import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { assembleMesh } from './mesh.ts'
import { partsOf } from './mesh-face.ts'

afterEach(() => {
  delete process.env.MESH_DISABLE
})

async function meshWith(value: string): Promise<{ isOff: boolean; lines: string[] }> {
  process.env.MESH_DISABLE = value
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const setting = { clock: fakeClock(), random: () => 0, jitter: () => 0, network: null }
  await using mesh = assembleMesh({ service: 'cart', log: { info: write, warn: write, error: write } }, setting)
  return { isOff: partsOf(mesh).disabled, lines }
}

test.each(['true', 'yes', 'on', '1 ', 'off'])('MESH_DISABLE=%s turns nothing off, and the log says so', async (value) => {
  const { isOff, lines } = await meshWith(value)
  expect(isOff).toBe(false)
  expect(lines).toEqual([`MESH_DISABLE is ${JSON.stringify(value)}, and the mesh stays on: write MESH_DISABLE=1 to turn it off`])
})

test('MESH_DISABLE=1 turns the mesh off, and the log says so', async () => {
  const line = 'MESH_DISABLE=1: the mesh is off, and with it everything that its policies protect'
  expect(await meshWith('1')).toEqual({ isOff: true, lines: [line] })
})

test.each(['0', ''])('MESH_DISABLE=%s leaves it on, and is worth no line', async (value) => {
  expect(await meshWith(value)).toEqual({ isOff: false, lines: [] })
})
