/** The demo: starts the shop, lets shoppers in, tells what happens to them, and leaves nothing behind. */
import { type Flags, help, readFlags } from './flags.ts'
import { Consul, fetchConsul } from './run/consul.ts'
import { ControlApi } from './run/control-api.ts'
import { Ending } from './run/ending.ts'
import { Fleet } from './run/fleet.ts'
import { PolicyFiles } from './run/policy-files.ts'
import { RunDirectory } from './run/run-directory.ts'
import { Shoppers } from './shoppers/shoppers.ts'
import { showLive } from './story/live-board.ts'
import { Screen } from './story/screen.ts'
import { tell } from './story/tell.ts'

const unhurried = { openForMs: 30_000, leaseMs: 30_000, leafLifeMs: 60_000 }
const hurried = { openForMs: 3000, leaseMs: 5000, leafLifeMs: 20_000 }

async function run(flags: Flags): Promise<void> {
  const { openForMs, leaseMs, leafLifeMs } = flags.unhurried ? unhurried : hurried
  const directory = new RunDirectory()
  const control = new ControlApi(directory, { leaseMs, leafLifeMs })
  const consul = flags.consul ? new Consul(directory, leaseMs) : null
  const fleet = new Fleet(directory, { control, consul })
  const shoppers = new Shoppers(() => fleet.instances('frontend').map(({ address }) => address))
  const ending = new Ending({
    async close() {
      shoppers.leave()
      await Promise.all([fleet.close(), control.close(), consul?.close()])
      directory.remove()
    },
    drop() {
      fleet.killAll()
      control.drop()
      consul?.drop()
      directory.remove()
    },
  })
  const screen = new Screen(process.stdout)
  const policies = new PolicyFiles(control.client, `${openForMs / 1000}s`)
  const start = performance.now()
  if (!flags.unhurried)
    screen.line(
      'In this run a breaker stays open for 3 s, a lease lasts for 5 s and a certificate for 20 s; of their own it is 30 s, 30 s and 24 h, with --unhurried 30 s, 30 s and 60 s.',
    )
  const hideLive = showLive(screen, fleet, shoppers)
  const steps = await tell({ control, consul, fleet, policies, shoppers, openForMs, say: (line) => screen.line(`   ${line}`) }, screen)
  const ok = steps.every((step) => step.ok)
  screen.line()
  screen.line(
    `${steps.filter((step) => step.ok).length} of ${steps.length} steps held, in ${((performance.now() - start) / 1000).toFixed(1)} s`,
  )
  if (flags.keep) {
    announce({ control, consul, fleet, screen })
    shoppers.come({ look: 4, collect: 1, buy: 1 })
    await ending.signal()
  }
  hideLive()
  if (flags.json) screen.line(JSON.stringify({ steps, ok }))
  await ending.end(ok ? 0 : 1)
}

interface Kept {
  readonly control: ControlApi
  readonly consul: Consul | null
  readonly fleet: Fleet
  readonly screen: Screen
}

/** Says where the shop can be reached. */
function announce({ control, consul, fleet, screen }: Kept): void {
  screen.line('The shop stays open until Ctrl-C, with a few shoppers in it.')
  screen.line(`  control API                    ${control.url}   admin token ${control.adminToken}`)
  screen.line(
    `  who has applied what           curl --cacert ${control.caFile} -H "authorization: Bearer ${control.adminToken}" ${control.url}/v1/status`,
  )
  if (consul !== null)
    screen.line(
      `  Consul ${consul.version.padEnd(23)} ${consul.address}   where endpoints come from   curl ${consul.address}/v1/catalog/services`,
    )
  screen.line(
    '  /livez and /readyz, or grpc.health.v1, of every process are at its own address; /_mesh (what holds and why) and /_metrics (for Prometheus) at its admin port',
  )
  for (const { instance, address, protocol, admin, pid } of fleet
    .instances()
    .toSorted((a, b) => a.instance.name.localeCompare(b.instance.name))) {
    screen.line(`  ${instance.name.padEnd(18)} ${instance.version}   ${address} ${protocol}   admin http://${admin}/   process ${pid}`)
  }
}

/** Sees to it that what the flags ask for is there; says what is not, and returns false. */
async function hasAll(flags: Flags): Promise<boolean> {
  if (!flags.consul) return true
  try {
    await fetchConsul()
    return true
  } catch (error) {
    console.error((error as Error).message)
    return false
  }
}

/** The flags; null where they are wrong, which has been said. */
function flagsOf(args: readonly string[]): Flags | null {
  try {
    return readFlags(args)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return null
  }
}

const flags = flagsOf(process.argv.slice(2))
if (flags === null) process.exitCode = 2
else if (flags.help) console.log(help)
else if (await hasAll(flags)) await run(flags)
else process.exitCode = 1
