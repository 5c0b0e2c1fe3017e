import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'

// Each is told the moment, so that all reach the file in it.
const instance = `
  const { Stock } = await import(process.argv[1])
  console.log('ready')
  let at = 0
  for await (const line of process.stdin) { at = Number(line); break }
  while (Date.now() < at);
  console.log(new Stock().units('tea'))
  process.exit(0)
`

const rounds = 8
const instances = 6

test('instances that open a new database together all get it', async () => {
  const stock = new URL('../../examples/ecommerce/services/inventory/stock.ts', import.meta.url).href
  for (let round = 0; round < rounds; round++) {
    const data = await mkdtemp(join(tmpdir(), 'shop-databases-'))
    onTestFinished(() => rm(data, { recursive: true, force: true }))
    const children = Array.from({ length: instances }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', instance, stock], { env: { ...process.env, SHOP_DATA: data } }),
    )
    const complaints = children.map((child) => text(child.stderr))
    await Promise.all(children.map((child) => once(child.stdout, 'data')))
    const answers = children.map((child) => text(child.stdout))
    const at = Date.now() + 30
    for (const child of children) child.stdin.end(`${at}\n`)
    expect(await Promise.all(complaints)).toEqual(children.map(() => ''))
    expect(await Promise.all(answers)).toEqual(children.map(() => '1000000\n'))
  }
})
