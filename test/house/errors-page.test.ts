/** The documentation of errors names exactly the codes that there are, with what they are on each wire. */
import { errorTable } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { projectText } from './source.ts'

test('docs/errors.md lists every code of a MeshError with its sentence and statuses, in their order, and no other', () => {
  const rows = Object.entries(errorTable).map(([code, { sentence, http, grpc }]) => `| \`${code}\` | ${sentence} | ${http} | \`${grpc}\` |`)
  const documented = [...projectText('docs/errors.md').matchAll(/^\| `[A-Z_]+` \| [^|]+ \| \d+ \| `[A-Z_]+` \|/gm)].map(([row]) => row)
  expect(rows.length).toBeGreaterThan(20)
  expect(documented).toEqual(rows)
})
