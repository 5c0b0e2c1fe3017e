import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { printFigures, spread } from '../support/figures.ts'
import { inLanes } from '../support/lanes.ts'
import { machineNow } from '../support/machine-clock.ts'
import { Program, type Told } from '../support/program.ts'
import type { ChainSettings, RunSeen } from '../support/programs/chain-service.ts'

const runs = 1000
const names = ['frontend', 'cart', 'orders', 'payment']

/** One run: a request into the chain, and what each link told of it. */
class Run {
  readonly arrived = new Set<number>()
  readonly left: (RunSeen | undefined)[] = []
  hungUpAt = 0

  /** True once every service that it reached has seen its end. */
  get isOver(): boolean {
    return [...this.arrived].every((hop) => this.left[hop] !== undefined)
  }
}

test('a shopper who hangs up stops the work in four services, and none calls on', async () => {
  const links: Program[] = []
  await using _ = { [Symbol.asyncDispose]: async () => void (await Promise.all(links.map((link) => link.kill()))) }
  let next = ''
  for (const service of names.toReversed()) {
    const settings: ChainSettings = { service, next }
    const link = new Program('chain-service', { settings })
    links.unshift(link)
    next = (await link.hear<{ address: string }>('up')).address
  }
  const port = Number(next.split(':')[1])
  const all = Array.from({ length: runs }, () => new Run())
  links.forEach((link, hop) => {
    link.follow((told) => {
      const run = all[(told as Told & { run: number }).run] as Run
      if (told.about === 'arrived') run.arrived.add(hop)
      else run.left[hop] = told as Told & RunSeen
    })
  })

  await inLanes(runs, 1, async (n) => {
    const run = all[n] as Run
    const shopper = await request(port, n)
    // Half of them wait until the request has reached the last service; the others hang up while it is on its way.
    if (n % 2 === 0) await eventually(() => run.arrived.has(names.length - 1), `run ${n} has reached ${names.at(-1)}`)
    else for (let turns = (n >> 1) % 50; turns > 0; turns--) await turn()
    run.hungUpAt = machineNow()
    if (n % 4 < 2) shopper.destroy()
    else shopper.resetAndDestroy()
    await eventually(() => run.isOver, `all that run ${n} reached have seen it`)
  })
  await eventually(() => all.every((run) => run.isOver), 'all have seen it')

  const seen = all.flatMap((run) => run.left.filter((link) => link !== undefined))
  const delays = names.map((_, hop) =>
    all.flatMap((run) => {
      const at = run.left[hop]?.leftAt
      const before = hop === 0 ? run.hungUpAt : run.left[hop - 1]?.leftAt
      return at === undefined || before === undefined ? [] : [at - before]
    }),
  )
  const through = all.flatMap((run) => (run.left[3] === undefined ? [] : [run.left[3].leftAt - run.hungUpAt]))
  printFigures(`${runs} shoppers hang up on a chain of ${names.length}`, {
    'disconnects seen': seen.length,
    'of runs that reached 0 to 4': [0, 1, 2, 3, 4].map((hops) => all.filter(({ arrived }) => arrived.size === hops).length).join(' '),
    'calls tried after': seen.reduce((sum, { triedAfter }) => sum + triedAfter, 0),
    'of these started': seen.reduce((sum, { startedAfter }) => sum + startedAfter, 0),
    'to the first service': spread(delays[0] as number[], 'ms'),
    'hop to hop': spread(delays.slice(1).flat(), 'ms'),
    'through all four': spread(through, 'ms'),
  })
  expect(seen.length).toBeGreaterThan(runs * 2)
  expect(seen.filter(({ startedAfter }) => startedAfter > 0)).toEqual([])
  // The same as the next service sees it: whoever is called is called once.
  expect(seen.filter(({ received }) => received !== 1)).toEqual([])
  expect(seen.reduce((sum, { triedAfter }) => sum + triedAfter, 0)).toBeGreaterThan(runs * 4)
})

async function request(port: number, run: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(`GET / HTTP/1.1\r\nhost: frontend\r\nx-run: ${run}\r\n\r\n`)
  return socket
}
