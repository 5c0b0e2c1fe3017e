import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { BROKEN, CANCELLED, EXPIRED, OK, verdictName } from '../kernel/verdict.ts'
import { WatchSource } from '../kernel/watch.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { balance } from './balance.ts'
import { EndpointSet } from './endpoint-set.ts'
import { roundRobin } from './pick.ts'
import { VersionPools } from './version-pools.ts'

const infos = ['a:1', 'b:1'].map((address): EndpointInfo => ({ address, labels: {}, zone: '', weight: 1 }))

function newCall(): Call {
  return new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
}

function underTest(script: readonly ScriptEntry[] | ScriptEntry, initial?: readonly EndpointInfo[]) {
  const clock = fakeClock()
  const source = new WatchSource<readonly EndpointInfo[]>(initial)
  const set = new EndpointSet('s', { added: () => {}, removed: () => {}, changed: () => {}, flawed: () => {} })
  set.follow(source)
  const bottom = scriptedSend(script, clock)
  let counted = 0
  const attempts = { of: () => ({ settled: () => void counted++ }) }
  const pools = new VersionPools(set, { versions: {}, outlier: null, zones: null, slowStartMs: 0 })
  const send = balance({ endpoints: set, pools, pick: roundRobin(() => 0), random: () => 0, clock, attempts })(bottom)
  return { clock, source, set, bottom, send, counted: () => counted }
}

describe('balance', () => {
  test('writes where the attempt goes and when it began, and counts it there until its last byte', async () => {
    const { send, set, bottom, clock, counted } = underTest({ verdict: 'ok', open: true }, infos)
    await clock.advance(5)
    const call = newCall()
    const outcome = await send(call)
    const [a] = [...set.all] as [Endpoint]
    expect([bottom.attempts[0]?.endpoint, call.attemptAt, a.inFlight, counted()]).toEqual([a, 5, 1, 0])
    outcome.settle(BROKEN)
    expect([a.inFlight, counted()]).toEqual([0, 1])
  })

  test('gives back to the endpoint of the outcome, also when the call has moved on', async () => {
    const { send, set } = underTest({ verdict: 'unavailable', open: true }, infos)
    const [a, b] = [...set.all] as [Endpoint, Endpoint]
    const call = newCall()
    const first = await send(call)
    const second = await send(call)
    expect([first.endpoint, second.endpoint, a.inFlight, b.inFlight]).toEqual([a, b, 1, 1])
    first.settle(CANCELLED)
    expect([a.inFlight, b.inFlight]).toEqual([0, 1])
    second.settle(OK)
    expect([a.inFlight, b.inFlight]).toEqual([0, 0])
  })

  test('refuses where nobody is left, and the refusal carries no endpoint of an attempt before', async () => {
    const { send, source, set, counted } = underTest({ verdict: 'unavailable', open: true }, infos)
    const call = newCall()
    const first = await send(call)
    const endpoint = first.endpoint as Endpoint
    source.set([])
    const second = await send(call)
    expect([second.code, second.endpoint, endpoint.inFlight, set.size]).toEqual(['NO_ENDPOINT', null, 1, 0])
    first.settle(OK)
    expect([endpoint.inFlight, counted()]).toEqual([0, 1])
  })

  test('waits for the first list of endpoints', async () => {
    const { send, source, bottom, clock } = underTest('ok')
    const call = newCall()
    const done = send(call)
    await clock.advance('5s')
    expect(bottom.attempts).toHaveLength(0)
    source.set(infos)
    expect([(await done).verdict, call.attemptAt, call.cancel]).toEqual([OK, 5000, null])
  })

  test('waits no longer than the call lives, and leaves nobody waiting behind', async () => {
    for (const how of [CANCELLED, EXPIRED] as const) {
      const { send, source, bottom } = underTest('ok')
      const call = newCall()
      const done = send(call)
      call.end(how)
      expect((await done).verdict).toBe(how)
      source.set(infos)
      expect([bottom.attempts.length, call.cancel]).toEqual([0, null])
    }
  })

  test('does not wait for a call that is over already: nobody would wake it', async () => {
    const { send } = underTest('ok')
    const call = newCall()
    call.end(EXPIRED)
    expect(verdictName((await send(call)).verdict)).toBe('expired')
  })

  test('does not start an attempt for a call that ended in the tick in which the endpoints came', async () => {
    const { send, source, bottom } = underTest('ok')
    const call = newCall()
    const done = send(call)
    source.set(infos)
    call.end(CANCELLED)
    expect((await done).verdict).toBe(CANCELLED)
    expect(bottom.attempts).toHaveLength(0)
  })

  test('refuses who waits when the set is closed', async () => {
    const { send, set } = underTest('ok')
    const done = send(newCall())
    set.close()
    expect((await done).code).toBe('MESH_CLOSED')
  })

  test('avoids an endpoint once three connections in a row could not be made, and tries it once in a second', async () => {
    let dead = true
    const { send, clock, set } = underTest((call) => (call.endpoint?.address === 'a:1' && dead ? 'unreached' : 'ok'), infos)
    const [a] = [...set.all] as [Endpoint]
    const verdictsOf = async (calls: number): Promise<string> => {
      const seen: string[] = []
      for (let n = 0; n < calls; n++) seen.push(verdictName((await send(newCall())).verdict))
      return seen.filter((verdict) => verdict === 'unreached').length.toString()
    }
    expect([await verdictsOf(4), a.avoided, await verdictsOf(2), a.avoided, await verdictsOf(10)]).toEqual(['2', false, '1', true, '0'])
    await clock.advance(999)
    expect(await verdictsOf(4)).toBe('0')
    await clock.advance(1)
    expect(await verdictsOf(4)).toBe('1')
    dead = false
    await clock.advance(1000)
    const standing = set.standing
    expect([await verdictsOf(4), a.avoided, set.standing]).toEqual(['0', false, standing + 1])
  })

  test('does not take a peer that refused above its handler, or an idle connection that died, for nobody', async () => {
    for (const answer of [
      { verdict: 'unreached', status: '503' },
      { verdict: 'unreached', staleConnection: true },
    ] as const) {
      const { send, set } = underTest(answer, infos)
      for (let n = 0; n < 20; n++) await send(newCall())
      expect(set.all.some(({ avoided }) => avoided)).toBe(false)
    }
  })

  test('reserves the try of an avoided endpoint for one call, also where that call never comes back', async () => {
    let answer: ScriptEntry = 'unreached'
    const { send, clock, bottom } = underTest((call) => (call.endpoint?.address === 'a:1' ? (answer as 'never') : 'ok'), infos)
    for (let n = 0; n < 8; n++) await send(newCall())
    answer = 'never'
    await clock.advance(1000)
    const before = bottom.attempts.length
    for (let n = 0; n < 6; n++) void send(newCall())
    await clock.advance(0)
    expect(bottom.attempts.slice(before).filter(({ endpoint }) => endpoint?.address === 'a:1')).toHaveLength(1)
  })
})
