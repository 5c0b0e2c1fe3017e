import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sdkVersion } from './sdk-version.ts'

test('polls tell the version of the package', () => {
  expect(sdkVersion).toBe(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version)
})
