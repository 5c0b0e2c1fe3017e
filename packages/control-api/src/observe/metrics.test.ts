import { expect, test } from 'vitest'
import { Metrics } from './metrics.ts'

test('a gauge with labels is read as often as somebody asks, and shows what is there each time', async () => {
  const metrics = new Metrics()
  let versions: string[] = []
  metrics.gauge('lost', 'Lost versions.', () => versions.map((version) => ({ labels: { version }, value: 1 })))
  const lines = async (): Promise<string[]> => (await metrics.page()).split('\n').filter((line) => line.startsWith('lost'))
  expect(await lines()).toEqual([])
  versions = ['v1', 'v2']
  expect(await lines()).toEqual(['lost{version="v1"} 1', 'lost{version="v2"} 1'])
  expect(await lines()).toHaveLength(2)
  versions = ['v2']
  expect(await lines()).toEqual(['lost{version="v2"} 1'])
  versions = []
  expect(await lines()).toEqual([])
})
