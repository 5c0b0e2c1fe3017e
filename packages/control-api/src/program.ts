/** The program: `npx @zerohop/control-api`. */
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { TokenOffice } from './access/token-office.ts'
import { systemClock } from './clock.ts'
import { type ControlApi, type ControlRoots, createControlApi } from './control-api.ts'
import { helpText, type RotationOrder, readInvocation } from './invocation.ts'
import { isLoopback } from './loopback.ts'
import { rotateRoot } from './rotate-root.ts'
import { BadSettings, type ControlSettings } from './settings.ts'
import { fileNames } from './store/sqlite-file.ts'
import { openSqliteStores } from './store/sqlite-stores.ts'

/** Does what the command line and the environment ask for. */
export async function runProgram(): Promise<void> {
  try {
    const invocation = readInvocation(process.argv.slice(2), process.env)
    if (invocation.task === 'help') console.log(helpText())
    else if (invocation.task === 'version') console.log(version())
    else if (invocation.task === 'rotate-root') await follow(invocation.order)
    else if (invocation.task === 'rotate-admin-token') rotate(invocation.settings)
    else await run(invocation.settings)
  } catch (error) {
    console.error(`control-api: ${(error as Error).message}`)
    process.exitCode = error instanceof BadSettings ? 2 : 1
  }
}

async function run(settings: ControlSettings): Promise<void> {
  const control = await createControlApi(settings, { log: (line) => console.log(line) })
  try {
    const { host, url } = await control.listen()
    console.log(welcome(url, settings, control))
    if (!isLoopback(host) && control.roots === null) {
      console.warn(`control-api: ${url} is reached from other machines without TLS: tokens and policies can be read on the way`)
    }
  } catch (error) {
    // The token was made and is stored: it must be told, or nobody would ever know it.
    if (control.freshAdminToken !== null) console.log(`Admin token, shown this once: ${control.freshAdminToken}`)
    await control.close()
    throw error
  }
  endOnSignals(control)
}

function welcome(url: string, { data, tlsNames }: ControlSettings, { freshAdminToken, roots }: ControlApi): string {
  const blocks = [`Zerohop control API ${version()} listens on ${url}, and keeps its data in ${resolve(data)}`]
  if (roots !== null) blocks.push(aboutRoots(roots))
  if (freshAdminToken !== null) blocks.push(`Admin token, shown this once and kept nowhere:\n  ${freshAdminToken}`)
  const ca = roots?.file == null ? '' : ` --cacert ${resolve(roots.file)}`
  // Of all addresses none is one that another machine could call.
  const origin = url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:)/, `//${tlsNames[0] ?? hostname()}`)
  blocks.push(`To let a service in, make a token for it:
  curl -s${ca} ${origin}/v1/tokens -H "authorization: Bearer $ADMIN_TOKEN" -H "content-type: application/json" -d '{"service":"cart"}'
and start it with:
  createMesh({ service: 'cart', control: '${origin}', token: process.env.MESH_TOKEN ?? '' })`)
  return `${blocks.join('\n\n')}\n`
}

function aboutRoots({ trustDomain, fingerprint, file, freshKeyFile }: ControlRoots): string {
  const seal =
    freshKeyFile === null
      ? ''
      : `\nThe keys of the authority are sealed with ${resolve(freshKeyFile)}, made just now: keep a copy of it, apart from the backups of the data.`
  const where = file === null ? '' : ` (${resolve(file)})`
  return `Trust domain ${trustDomain}. Fingerprint of its root${where}, as tokens carry it:\n  ${fingerprint}${seal}`
}

async function follow(order: RotationOrder): Promise<void> {
  // The clock of a control API does not keep a process alive; this command is to live until it is done.
  const alive = setInterval(() => {}, 60_000)
  try {
    await rotateRoot(order, { clock: systemClock, say: (line) => console.log(line) })
  } finally {
    clearInterval(alive)
  }
}

function endOnSignals(control: ControlApi): void {
  let isEnding = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Twice is an order.
      if (isEnding) process.exit(1)
      isEnding = true
      control.close().then(
        () => process.exit(0),
        (error: Error) => {
          console.error(`control-api: it ended badly: ${error.message}`)
          process.exit(1)
        },
      )
    })
  }
}

function rotate(settings: ControlSettings): void {
  // Of a directory that was mistyped a store would be made, and a token printed that opens nothing.
  if (!existsSync(join(settings.data, fileNames.database)))
    throw new Error(`There is no control API in ${resolve(settings.data)}: name its data directory by --data.`)
  const stores = openSqliteStores(settings.data, systemClock)
  try {
    const by = 'command line'
    const token = stores.atomically(() => {
      const made = new TokenOffice({ tokens: stores.tokens, leaves: stores.authority, clock: systemClock }).replaceAdmins(by)
      const subject = `${made.stored.id} (admin ${made.stored.name})`
      stores.audit.record({ at: Date.now(), by, remote: '', action: 'token.rotate', subject, revision: null, forced: false })
      return made.token
    })
    console.log(`The new admin token, shown this once; all earlier ones are void:\n  ${token}`)
  } finally {
    stores.close()
  }
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version
}
