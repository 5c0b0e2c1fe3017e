import { assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { readHostsFile } from './hosts-file.ts'

test('each name has the addresses of all its lines, whatever its case', () => {
  const text = '127.0.0.1\tlocalhost # this one\n::1 localhost ip6-localhost\r\n10.0.0.1 Inventory.Local inventory\n10.0.0.1 inventory\n'
  expect([...readHostsFile(text)]).toEqual([
    ['localhost', ['127.0.0.1', '::1']],
    ['ip6-localhost', ['::1']],
    ['inventory.local', ['10.0.0.1']],
    ['inventory', ['10.0.0.1']],
  ])
})

test('what is no entry is passed over', () => {
  expect(readHostsFile('# 10.0.0.1 a\n10.0.0 a\nlocalhost 127.0.0.1\n10.0.0.1').size).toBe(0)
  assert(property(string({ maxLength: 300 }), (text) => readHostsFile(text) !== null))
})
