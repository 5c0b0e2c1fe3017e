/** `pnpm bench <name> [--json]`: measures on this machine, in one run, and prints a table. */
import { parseArgs } from 'node:util'
import { benchControl } from './control.ts'
import { benchEndpoints } from './endpoints.ts'
import { benchStack } from './stack.ts'
import { benchWire } from './wire.ts'

const benches: Readonly<
  Record<string, { run: (options: { json: boolean; watchers: number; mtls: boolean }) => Promise<void>; what: string }>
> = {
  stack: { run: ({ json }) => benchStack(json), what: 'what the layers cost a call: microseconds and bytes' },
  wire: { run: benchWire, what: 'mesh fetch beside global fetch and undici.request, over real sockets' },
  endpoints: {
    run: ({ json }) => benchEndpoints(json),
    what: 'one change among 10,000 endpoints, a pick among them, the heap of 1,000 services',
  },
  control: { run: benchControl, what: 'how soon a change of policy reaches the last watcher, and what a parked one costs' },
}

const usage = `pnpm bench <name> [--json]\n\n${Object.entries(benches)
  .map(([name, { what }]) => `  ${name.padEnd(11)}${what}`)
  .join(
    '\n',
  )}\n\n  --json            ends with one line for machines\n  --mtls            of wire: over mutual TLS\n  --watchers N      of control: how many polls are parked, default 1000\n`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    watchers: { type: 'string', default: '1000' },
    mtls: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const bench = benches[positionals[0] ?? '']
const watchers = Number(values.watchers)
if (values.help || bench === undefined || !Number.isSafeInteger(watchers) || watchers < 1) {
  const out = values.help ? process.stdout : process.stderr
  out.write(usage)
  process.exitCode = values.help ? 0 : 2
} else {
  await bench.run({ json: values.json, watchers, mtls: values.mtls })
}
