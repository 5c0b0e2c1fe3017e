import type { IncomingMessage } from 'node:http'
import { fakeClock } from '@zerohop/mesh-core/testing'
import { describe, expect, test } from 'vitest'
import { Metrics } from '../observe/metrics.ts'
import { memoryStores } from '../store/memory-stores.ts'
import { speaksFor } from './caller.ts'
import { Doorkeeper, type VoidUse } from './doorkeeper.ts'
import { withoutSecrets } from './secrets.ts'
import { LastAdminToken, TokenOffice } from './token-office.ts'

function house() {
  const clock = fakeClock()
  const { tokens, authority: leaves } = memoryStores(clock)
  const office = new TokenOffice({ tokens, leaves, clock })
  const told: string[] = []
  const onVoidToken = ({ token, code, remote }: VoidUse) => told.push(`${token.id} ${code} ${remote}`)
  const doorkeeper = new Doorkeeper({ tokens, clock, metrics: new Metrics(), peers: null, onVoidToken })
  return { clock, tokens, leaves, office, told, doorkeeper }
}

/** The part of a request that a doorkeeper looks at. */
function asking(authorization?: string, remoteAddress = '10.0.0.1'): IncomingMessage {
  return { headers: { authorization }, socket: { remoteAddress } } as unknown as IncomingMessage
}

const cart = { service: 'cart', name: 'cart in Berlin', by: 'admin' }

test('a token is recognised, whatever the case of the word before it', () => {
  const { office, doorkeeper } = house()
  const { token, stored } = office.issue(cart)
  for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
    const caller = { token: stored.id, name: 'cart in Berlin', service: 'cart', singleUse: false, leaf: null }
    expect(doorkeeper.recognise(asking(`${scheme} ${token}`))).toEqual(caller)
  }
})

test('nothing but the whole token opens the door', async () => {
  const { clock, office, doorkeeper } = house()
  const { token, stored } = office.issue(cart)
  const other = office.issue({ ...cart, service: 'payment' }).token
  const wrong = [
    `Bearer ${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    `Bearer ${token}x`,
    `Bearer zh_${stored.id}_`,
    `Bearer zh_${stored.id}_${other.slice(16)}`,
    `Bearer ${stored.hash}`,
    `Basic ${token}`,
    'Bearer',
    '',
  ]
  for (const authorization of wrong) {
    const answer = doorkeeper.recognise(asking(authorization))
    await clock.advance(1000)
    expect(await answer, authorization).toMatchObject({ status: 401, code: 'wrong_token' })
  }
  const silent = doorkeeper.recognise(asking())
  await clock.advance(1000)
  expect(await silent).toMatchObject({ status: 401, code: 'no_token' })
})

test('guessing from an address does not stop those who hold a token there', async () => {
  const { clock, office, doorkeeper } = house()
  const { token } = office.issue(cart)
  const guesses = Array.from({ length: 200 }, () => doorkeeper.recognise(asking('Bearer guess')))
  expect(doorkeeper.recognise(asking(`Bearer ${token}`))).toMatchObject({ service: 'cart' })
  await clock.advance('1s')
  const statuses = (await Promise.all(guesses)).map((answer) => ('status' in answer ? answer.status : 200))
  expect([statuses.filter((status) => status === 401).length, statuses.filter((status) => status === 429).length]).toEqual([20, 180])
})

test('a token that was revoked or rotated is void at once, and what is stored is no token', async () => {
  const { clock, office, doorkeeper, tokens } = house()
  const first = office.makeFirstAdmin() as string
  expect(office.makeFirstAdmin()).toBeNull()
  const id = first.slice(3, 15)
  const second = office.rotate(id, 'admin')
  expect(second.stored.name).toBe('admin')
  const answer = doorkeeper.recognise(asking(`Bearer ${first}`))
  await clock.advance(1000)
  expect(await answer).toMatchObject({ status: 401, code: 'revoked_token' })
  expect(doorkeeper.recognise(asking(`Bearer ${second.token}`))).toMatchObject({ service: null })
  const kept = JSON.stringify([...tokens.all()])
  for (const token of [first, second.token]) expect(kept).not.toContain(token.slice(16))
})

test('the last admin token stays, and one that replaces all voids all', () => {
  const { office } = house()
  office.makeFirstAdmin()
  const [first] = office.all()
  const service = office.issue(cart)
  expect(() => office.revoke(first?.id ?? '')).toThrow(LastAdminToken)
  const ci = office.issue({ service: null, name: 'ci', by: 'admin' })
  expect(office.revoke(first?.id ?? '')?.name).toBe('admin')
  expect(office.revoke(first?.id ?? '')).toBeNull()
  expect(office.revoke('nobody')).toBeNull()
  const fresh = office.replaceAdmins('command line')
  const good = office.all().filter((token) => office.voidSince(token) === null)
  expect(good.map(({ id }) => id)).toEqual([service.stored.id, fresh.stored.id])
  expect(ci.stored.id).not.toBe(fresh.stored.id)
})

describe('a token that is no longer good', () => {
  async function answerTo(made: ReturnType<typeof house>, token: string, how = {}) {
    const answer = made.doorkeeper.recognise(asking(`Bearer ${token}`), how)
    await made.clock.advance(1000)
    return answer
  }

  test('is told when it has expired, and not a moment before', async () => {
    const made = house()
    const { token } = made.office.issue({ ...cart, expiresInMs: 60_000 })
    await made.clock.advance(58_000)
    expect(await answerTo(made, token)).toMatchObject({ service: 'cart' })
    await made.clock.advance(1000)
    expect(await answerTo(made, token)).toMatchObject({ status: 401, code: 'expired_token' })
  })

  test('is told when it was spent, and may still ask for the certificate that it was spent on', async () => {
    const made = house()
    const { token, stored } = made.office.issue({ ...cart, singleUse: true })
    expect(await answerTo(made, token)).toMatchObject({ singleUse: true })
    made.office.spend(stored.id, { keyHash: 'k', certificates: 'c', notBefore: 0, notAfter: 1 })
    expect(await answerTo(made, token)).toMatchObject({ status: 401, code: 'used_token' })
    expect(await answerTo(made, token, { isJoin: true })).toMatchObject({ token: stored.id })
    made.office.revoke(stored.id)
    expect(await answerTo(made, token, { isJoin: true })).toMatchObject({ status: 401, code: 'revoked_token' })
  })

  test('is told of, with the address, where all of it was there, and not again for a while', async () => {
    const made = house()
    const [revoked, expired, spent] = [
      made.office.issue(cart),
      made.office.issue({ ...cart, expiresInMs: 1 }),
      made.office.issue({ ...cart, singleUse: true }),
    ] as const
    made.office.revoke(revoked.stored.id)
    made.office.spend(spent.stored.id, { keyHash: 'k', certificates: 'c', notBefore: 0, notAfter: 1 })
    await made.clock.advance(1000)
    expect(await answerTo(made, spent.token, { isJoin: true })).toMatchObject({ token: spent.stored.id })
    for (const { token } of [revoked, expired, spent, revoked]) await answerTo(made, token)
    for (const { stored } of [revoked, expired]) await answerTo(made, `zh_${stored.id}_${'x'.repeat(43)}`)
    await answerTo(made, made.office.issue(cart).token)
    expect(made.told).toEqual([
      `${revoked.stored.id} revoked_token 10.0.0.1`,
      `${expired.stored.id} expired_token 10.0.0.1`,
      `${spent.stored.id} used_token 10.0.0.1`,
    ])
  })

  test('says nothing of itself to somebody who knows its id alone', async () => {
    const made = house()
    const { stored } = made.office.issue({ ...cart, expiresInMs: 1 })
    await made.clock.advance(1000)
    expect(await answerTo(made, `zh_${stored.id}_${'x'.repeat(43)}`)).toMatchObject({ code: 'wrong_token' })
  })

  test('is forgotten after 30 days, and the answer for which it was spent after 5 minutes', async () => {
    const made = house()
    const { stored } = made.office.issue({ ...cart, singleUse: true })
    const other = made.office.issue({ ...cart, singleUse: true })
    made.office.spend(stored.id, { keyHash: 'k', certificates: 'c', notBefore: 0, notAfter: 1 })
    await made.clock.advance('6m')
    made.office.spend(other.stored.id, { keyHash: 'k', certificates: 'c', notBefore: 0, notAfter: 1 })
    expect(made.office.all().map(({ spent }) => spent?.certificates)).toEqual(['', 'c'])
    await made.clock.advance(30 * 86_400_000)
    const fresh = made.office.issue(cart)
    expect(made.office.all().map(({ id }) => id)).toEqual([fresh.stored.id])
  })

  test('that is void is kept as long as a certificate of its line is valid, so that the line can be ended', async () => {
    const { office, leaves, clock } = house()
    const [joined, other] = [office.issue({ ...cart, singleUse: true }), office.issue({ ...cart, singleUse: true })]
    const spent = { keyHash: 'k', certificates: 'c', notBefore: 0, notAfter: 1 }
    for (const { stored } of [joined, other]) office.spend(stored.id, spent)
    await clock.advance(40 * 86_400_000)
    const until = clock.now() + 1000
    leaves.addLeaf({ serial: 'A', digest: 'A', root: 1, until, notAfter: until, token: joined.stored.id }, clock.now())
    const third = office.issue(cart).stored.id
    expect(office.all().map(({ id }) => id)).toEqual([joined.stored.id, third])
    expect(office.lineEnd(joined.stored.id)).toBe(until)
    expect([office.isRevoked(joined.stored.id), office.revoke(joined.stored.id)?.id]).toEqual([false, joined.stored.id])
    expect(['', third, joined.stored.id, other.stored.id].map((id) => office.isRevoked(id))).toEqual([false, false, true, true])
  })
})

test('the fingerprint at the end of a token is for its holder: the doorkeeper does not look at it', () => {
  const { tokens, leaves, clock, doorkeeper } = house()
  const office = new TokenOffice({ tokens, leaves, clock, fingerprint: () => 'f'.repeat(43) })
  const { token, stored } = office.issue(cart)
  expect(token).toBe(`${token.slice(0, 59)}_${'f'.repeat(43)}`)
  for (const given of [token, token.slice(0, 59), `${token.slice(0, 59)}_${'g'.repeat(43)}`]) {
    expect(doorkeeper.recognise(asking(`Bearer ${given}`))).toMatchObject({ token: stored.id })
  }
  expect(withoutSecrets(`it sent ${token}.`)).toBe(`it sent zh_${stored.id}_....`)
})

test('a service speaks for itself, an admin for everybody', () => {
  const caller = { token: '', name: '', singleUse: false, leaf: null }
  expect(speaksFor({ ...caller, service: 'cart' }, 'cart')).toBe(true)
  expect(speaksFor({ ...caller, service: 'cart' }, 'cart2')).toBe(false)
  expect(speaksFor({ ...caller, service: null }, 'cart')).toBe(true)
})
