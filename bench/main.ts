/** `pnpm bench <name> [--json]`: measures on this machine, in one run, and prints a table. */
import { benchControl } from './control.ts'
import { benchEndpoints } from './endpoints.ts'
import { type BenchOptions, readOrder } from './order.ts'
import { benchStack } from './stack.ts'
import { benchWire } from './wire.ts'
import { benchWireGrpc } from './wire-grpc.ts'

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
  --tls        of control: over mutual TLS
  --help       prints this
`

const order = readOrder(process.argv.slice(2), Object.keys(benches))
if (order === null) process.stdout.write(usage)
else if ('problem' in order) {
  process.stderr.write(`bench: ${order.problem}\n\n${usage}`)
  process.exitCode = 2
} else await benches[order.name]?.run(order.options)
