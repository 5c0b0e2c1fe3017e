#!/usr/bin/env node
/** The program: `npx @zerohop/control-api`. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { TokenOffice } from './access/token-office.ts'
import { systemClock } from './clock.ts'
import { type ControlApi, createControlApi } from './control-api.ts'
import { BadSettings, type ControlSettings, helpText, readInvocation } from './settings.ts'
import { openSqliteStores } from './store/sqlite-stores.ts'

const loopback = /^(127\.|::1$|localhost$)/

try {
  const invocation = readInvocation(process.argv.slice(2), process.env)
  if (invocation.task === 'help') console.log(helpText())
  else if (invocation.task === 'version') console.log(version())
  else if (invocation.task === 'rotate-admin-token') rotate(invocation.settings)
  else await run(invocation.settings)
} catch (error) {
  console.error(`control-api: ${(error as Error).message}`)
  process.exitCode = error instanceof BadSettings ? 2 : 1
}

async function run(settings: ControlSettings): Promise<void> {
  const control = await createControlApi(settings, { log: (line) => console.log(line) })
  try {
    const { host, url } = await control.listen()
    console.log(welcome({ url, data: settings.data, token: control.freshAdminToken }))
    if (!loopback.test(host)) {
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

function welcome({ url, data, token }: { url: string; data: string; token: string | null }): string {
  const fresh = token === null ? '' : `\nAdmin token, shown this once and kept nowhere:\n  ${token}\n`
  return `Zerohop control API ${version()} listens on ${url}, and keeps its data in ${resolve(data)}
${fresh}
To let a service in, make a token for it:
  curl -s ${url}/v1/tokens -H "authorization: Bearer $ADMIN_TOKEN" -H "content-type: application/json" -d '{"service":"cart"}'
and start it with:
  createMesh({ service: 'cart', control: '${url}', token: process.env.MESH_TOKEN })
`
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
  const stores = openSqliteStores(settings.data, systemClock)
  try {
    const by = 'command line'
    const token = stores.atomically(() => {
      const made = new TokenOffice({ tokens: stores.tokens, clock: systemClock }).replaceAdmins(by)
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
