/** `pnpm bench <name> [--json]`: measures on this machine, in one run, and prints a table. */
import { parseArgs } from 'node:util'
import { benchControl } from './control.ts'
import { benchEndpoints } from './endpoints.ts'
import { benchStack } from './stack.ts'
import { benchWire } from './wire.ts'
import { benchWireGrpc } from './wire-grpc.ts'

interface BenchOptions {
  readonly json: boolean
  readonly watchers: number
  readonly mtls: boolean
  readonly grpc: boolean
  readonly tls: boolean
}

const benches: Readonly<Record<string, { run: (options: BenchOptions) => Promise<void>; what: string }>> = {
  stack: { run: ({ json }) => benchStack(json), what: 'what the layers cost a call: microseconds and bytes' },
  wire: {
    run: (options) => (options.grpc ? benchWireGrpc(options.json) : benchWire(options)),
    what: 'mesh fetch beside global fetch and undici.request, over real sockets',
  },
  endpoints: {
    run: ({ json }) => benchEndpoints(json),
    what: 'one change among 10,000 endpoints, a pick among them, the heap of 1,000 services',
  },
  control: { run: benchControl, what: 'how soon a change of policy reaches the last watcher, and what a parked one costs' },
}

const names = Object.entries(benches).map(([name, { what }]) => `  ${name.padEnd(13)}${what}`)
const usage = `pnpm bench <name> [--json]

${names.join('\n')}

  --json       ends with one line for machines
  --mtls       of wire: over mutual TLS
  --grpc       of wire: grpc-js over the mesh beside grpc-js, and its server
  --watchers N of control: how many polls are parked, default 1000
  --tls        of control: over TLS
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    watchers: { type: 'string', default: '1000' },
    mtls: { type: 'boolean', default: false },
    grpc: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const bench = benches[positionals[0] ?? '']
const watchers = Number(values.watchers)
const { json, mtls, grpc, tls } = values
if (values.help || bench === undefined || !Number.isSafeInteger(watchers) || watchers < 1 || (grpc && mtls)) {
  const out = values.help ? process.stdout : process.stderr
  out.write(usage)
  process.exitCode = values.help ? 0 : 2
} else await bench.run({ json, watchers, mtls, grpc, tls })
