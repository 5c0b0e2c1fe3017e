import type { IncomingMessage } from 'node:http'
import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { Metrics } from '../observe/metrics.ts'
import { memoryStores } from '../store/memory-stores.ts'
import { speaksFor } from './caller.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { LastAdminToken, TokenOffice } from './token-office.ts'

function house() {
  const clock = fakeClock()
  const { tokens } = memoryStores(clock)
  const office = new TokenOffice(tokens, clock)
  return { clock, tokens, office, doorkeeper: new Doorkeeper(tokens, clock, new Metrics()) }
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
    expect(doorkeeper.recognise(asking(`${scheme} ${token}`))).toEqual({ token: stored.id, name: 'cart in Berlin', service: 'cart' })
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
  expect(await answer).toMatchObject({ status: 401 })
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
  expect(office.revoke('nobody')).toBeNull()
  const fresh = office.replaceAdmins('command line')
  expect(office.all().map(({ id }) => id)).toEqual([service.stored.id, fresh.stored.id])
  expect(ci.stored.id).not.toBe(fresh.stored.id)
})

test('a service speaks for itself, an admin for everybody', () => {
  expect(speaksFor({ token: '', name: '', service: 'cart' }, 'cart')).toBe(true)
  expect(speaksFor({ token: '', name: '', service: 'cart' }, 'cart2')).toBe(false)
  expect(speaksFor({ token: '', name: '', service: null }, 'cart')).toBe(true)
})
