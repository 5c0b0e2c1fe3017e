import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { RawClient } from '../support/raw-client.ts'

const writes = 1000
const kills = 8
const contests = 150
const services = Array.from({ length: 8 }, (_, n) => `s${n}`)
let control: ControlProcess
let clients: RawClient[] = []

beforeEach(async () => {
  control = await ControlProcess.start()
  const token = await control.tokenFor('shop')
  clients = Array.from({ length: 20 }, (_, n) =>
    new RawClient({ url: () => control.url, token, service: 'shop', instance: `shop-${n}`, uses: [...services, 'contested'] }).follow(),
  )
})

afterEach(async () => {
  for (const client of clients) await client[Symbol.asyncDispose]()
  await control[Symbol.asyncDispose]()
})

/** A write that was acknowledged. */
interface Acknowledged {
  readonly service: string
  readonly revision: number
  readonly timeout: number
}

/** Writes its share, each once and again where no answer came; what comes unacknowledged may or may not have been done. */
async function writeAll(service: string, next: () => number | null, acknowledged: Acknowledged[]): Promise<void> {
  for (let timeout = next(); timeout !== null; timeout = next()) {
    for (;;) {
      try {
        const revision = await control.write(service, { timeout })
        acknowledged.push({ service, revision, timeout })
        break
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        await pause(10)
      }
    }
  }
}

/** Four writers saw the same revision: returns how many were told that they have won, and how many that they have not. */
async function contest(round: number): Promise<{ won: number[]; stale: number; lost: number }> {
  const seen = (await control.must('GET', '/v1/policies/contested')).headers.get('etag') as string
  const answers = await Promise.allSettled(
    [1, 2, 3, 4].map((writer) =>
      control.ask('PUT', '/v1/policies/contested?force=true', {
        body: { timeout: 1000 + round * 10 + writer },
        headers: { 'if-match': seen },
      }),
    ),
  )
  const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const won = told.filter(({ status }) => status === 200).map(({ body }) => body.revision as number)
  const stale = told.filter(({ status, body }) => status === 412 && body.error.code === 'stale_revision').length
  expect(won.length + stale).toBe(told.length)
  return { won, stale, lost: answers.length - told.length }
}

/** Every revision of the history with the services that it wrote. */
async function history(): Promise<Map<number, readonly string[]>> {
  const found = new Map<number, readonly string[]>()
  for (let before = ''; ; ) {
    const { revisions } = (await control.must('GET', `/v1/history?limit=100${before}`)).body as {
      revisions: { revision: number; services: string[] }[]
    }
    for (const { revision, services: written } of revisions) found.set(revision, written)
    const last = revisions.at(-1)
    if (last === undefined || last.revision === 1) return found
    before = `&before=${last.revision}`
  }
}

test('a control API that is killed again and again during a thousand writes has every write that it acknowledged, and no client sees anything go back', async () => {
  await control.write('contested', { timeout: 1000 })
  const acknowledged: Acknowledged[] = []
  let begun = 0
  const next = (): number | null => (begun < writes ? 10_000 + begun++ : null)
  let isOver = false
  const writing = Promise.all(services.map((service) => writeAll(service, next, acknowledged))).finally(() => {
    isOver = true
  })
  const rounds = { whole: 0, torn: 0 }
  const contesting = (async () => {
    for (let round = 0; !isOver || rounds.whole < contests; round++) {
      try {
        const { won, lost } = await contest(round)
        if (lost === 0) expect(won).toHaveLength(1)
        else expect(won.length).toBeLessThan(2)
        rounds[lost === 0 ? 'whole' : 'torn']++
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        await pause(10)
      }
    }
  })()
  const killing = (async () => {
    for (let kill = 1; kill <= kills; kill++) {
      // Spread over the writes, and within them at any moment of one.
      const due = (kill * writes) / (kills + 1) + Math.random() * 20
      await eventually(() => acknowledged.length >= due || isOver, 'writes go on', 60_000)
      await pause(Math.random() * 10)
      await control.kill()
      await control.start()
    }
  })()
  await Promise.all([writing, contesting, killing])

  const kept = await history()
  const missing = acknowledged.filter(({ service, revision }) => kept.get(revision)?.includes(service) !== true)
  expect(acknowledged).toHaveLength(writes)
  expect(missing).toEqual([])
  expect(new Set(acknowledged.map(({ revision }) => revision)).size).toBe(writes)
  for (const service of services) {
    const last = acknowledged.filter((one) => one.service === service).at(-1)
    expect((await control.must('GET', `/v1/policies/${service}`)).body).toMatchObject({
      revision: last?.revision,
      document: { timeout: last?.timeout },
    })
  }
  // Not only numbers: the content of a revision comes back with it.
  for (let at = 7; at < writes; at += 97) {
    const { revision, service, timeout } = acknowledged[at] as Acknowledged
    await control.must('POST', '/v1/policies:rollback?force=true', { body: { revision } })
    expect((await control.must('GET', `/v1/policies/${service}`)).body.document.timeout).toBe(timeout)
  }
  const newest = (await control.must('GET', '/v1/policies')).body.revision as number
  await eventually(() => clients.every(({ seen }) => seen.at(-1)?.revision === newest), 'every client has the newest revision')
  expect(clients.flatMap((client) => client.steppedBack())).toEqual([])
  expect(clients.map(({ mismatches }) => mismatches)).toEqual(clients.map(() => 0))
  expect(new Set(clients.flatMap(({ seen }) => seen.map(({ epoch }) => epoch))).size).toBe(1)
  expect(new Set(clients.map(({ sections }) => JSON.stringify(sections))).size).toBe(1)
  printFigures('writes over SIGKILLs', {
    writes,
    kills,
    'revisions kept': kept.size,
    'documents seen': clients.reduce((sum, { seen }) => sum + seen.length, 0),
    'polls cut': clients.reduce((sum, { failures }) => sum + failures, 0),
    'contested rounds': rounds.whole,
    'of them torn': rounds.torn,
  })
}, 90_000)
