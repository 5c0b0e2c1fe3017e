import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashOfEndpoints } from '../policy/endpoints-hash.ts'
import type { EndpointRecord } from '../policy/exchange.ts'
import { differ, type HeldDocument, laidOver, readAnswer } from './held-document.ts'

const all = (): boolean => true

function record(address: string, weight = 1): EndpointRecord {
  return { address, labels: { version: 'v1' }, zone: 'a', weight }
}

function answerOf(endpoints: object, sections: object, rest: object = {}) {
  const document = { version: 'a.1', schema: 2, revision: 1, sections, policies: {}, endpoints, ...rest }
  return readAnswer(Buffer.from(JSON.stringify(document)))
}

async function full(list: readonly EndpointRecord[]): Promise<HeldDocument> {
  const hash = hashOfEndpoints(list)
  return (await laidOver(null, answerOf({ cart: { hash, full: list } }, { 'endpoints/cart': hash }), all)) as HeldDocument
}

function delta(from: readonly EndpointRecord[], to: readonly EndpointRecord[], hash = hashOfEndpoints(to)) {
  const before = new Map(from.map((one) => [one.address, JSON.stringify(one)]))
  const put = to.filter((one) => before.get(one.address) !== JSON.stringify(one))
  const drop = from.map(({ address }) => address).filter((address) => to.every((one) => one.address !== address))
  return answerOf({ cart: { hash, from: hashOfEndpoints(from), put, drop } }, { 'endpoints/cart': hash }, { version: 'a.2' })
}

const list = fc
  .uniqueArray(fc.record({ n: fc.integer({ min: 1, max: 30 }), weight: fc.integer({ min: 0, max: 3 }) }), {
    selector: ({ n }) => n,
    maxLength: 20,
  })
  .map((entries) => entries.map(({ n, weight }) => record(`10.0.0.${n}:80`, weight)))

test('deltas laid one over the other give the list of the server, whatever its changes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(list, { minLength: 2, maxLength: 8 }), async (lists) => {
      let held = await full(lists[0] as EndpointRecord[])
      for (const [index, next] of lists.slice(1).entries()) {
        held = (await laidOver(held, delta(lists[index] as EndpointRecord[], next), all)) as HeldDocument
        const byAddress = (a: { address: string }, b: { address: string }) => (a.address < b.address ? -1 : 1)
        expect([...(held.endpoints.get('cart')?.list ?? [])].sort(byAddress)).toEqual([...next].sort(byAddress))
      }
    }),
    { numRuns: 100 },
  )
})

test('an endpoint that a delta does not mention stays the same object', async () => {
  const before = [record('a:1'), record('b:1')]
  const held = await full(before)
  const after = (await laidOver(held, delta(before, [record('a:1'), record('b:1', 7)]), all)) as HeldDocument
  expect(after.endpoints.get('cart')?.list[0]).toBe(held.endpoints.get('cart')?.list[0])
  expect(after.endpoints.get('cart')?.list[1]?.weight).toBe(7)
  expect(held.endpoints.get('cart')?.list[1]?.weight).toBe(1)
})

test('a delta to another list than the one held, and one that does not add up, ask for a full answer', async () => {
  const held = await full([record('a:1')])
  expect(await laidOver(held, delta([record('z:1')], [record('b:1')]), all)).toBe(null)
  expect(await laidOver(held, delta([record('a:1')], [record('b:1')], 'ffffffffffffffff'), all)).toBe(null)
  expect(await laidOver(null, delta([], [record('b:1')]), all)).toBe(null)
})

test('what is not named is not there, and what is named must be held', async () => {
  const held = await full([record('a:1')])
  expect((await laidOver(held, answerOf({}, {}), all))?.endpoints.size).toBe(0)
  expect(await laidOver(held, answerOf({}, { 'endpoints/user': '0'.repeat(16) }), all)).toBe(null)
  expect(await laidOver(held, answerOf({}, { 'policy/user': 'x' }), all)).toBe(null)
  expect(await laidOver(null, answerOf({}, { 'trust/bundle': 'x' }), all)).not.toBe(null)
})

test("a section of a service that was not asked for gives away that the answer is somebody else's", async () => {
  const cartAlone = (service: string): boolean => service === 'cart'
  for (const section of ['endpoints/user', 'policy/user', 'policy/__proto__']) {
    const foreign = laidOver(null, answerOf({}, { [section]: 'x' }), cartAlone)
    await expect(foreign).rejects.toMatchObject({ reason: 'foreign', message: expect.stringContaining(section) })
  }
})

test('a full list whose hash is another is refused, and so is one that names an address twice', async () => {
  const wrong = answerOf({ cart: { hash: 'ffffffffffffffff', full: [record('a:1')] } }, { 'endpoints/cart': 'ffffffffffffffff' })
  await expect(laidOver(null, wrong, all)).rejects.toMatchObject({
    reason: 'wrong_hash',
    message: expect.stringContaining('endpoints.cart'),
  })
  const twice = [record('a:1'), record('a:1')]
  const hash = hashOfEndpoints(twice)
  const answer = answerOf({ cart: { hash, full: twice } }, { 'endpoints/cart': hash })
  await expect(laidOver(null, answer, all)).rejects.toMatchObject({
    reason: 'garbage',
    message: 'endpoints.cart.full lists an address twice',
  })
})

test.each([
  ['<html>', /no JSON/],
  ['{"version":"a.1"}', /schema/],
  ['{"version":"1","schema":1,"revision":0,"sections":{},"policies":{},"endpoints":{}}', /^version: expected a version/],
  ['{"version":"a.1","schema":1,"revision":-1,"sections":{},"policies":{},"endpoints":{}}', /^revision: /],
  [
    '{"version":"a.1","schema":1,"revision":1,"sections":{"endpoints/cart":5},"policies":{},"endpoints":{}}',
    /^sections\.endpoints\/cart: /,
  ],
  [
    '{"version":"a.1","schema":1,"revision":1,"sections":{},"policies":{"cart":{"hash":"x","document":[]}},"endpoints":{}}',
    /^policies\.cart\.document: /,
  ],
])('the answer %j is garbage, and the field is named', (text, message) => {
  expect(() => readAnswer(Buffer.from(text))).toThrow(message)
})

test('an endpoint that is none is garbage, and is named by its place', async () => {
  const answer = answerOf({ cart: { hash: 'x', full: [record('a:1'), { address: 5 }] } }, { 'endpoints/cart': 'x' })
  await expect(laidOver(null, answer, all)).rejects.toThrow(/^endpoints\.cart\[1\]\.address: expected a text/)
})

test('two documents differ by their sections, not by their version', async () => {
  const one = await full([record('a:1')])
  expect(differ(one, { ...one, version: 'b.9' })).toBe(false)
  expect(differ(one, await full([record('a:1', 2)]))).toBe(true)
  expect(differ(one, { ...one, policies: new Map([['cart', { hash: 'x', document: {} }]]) })).toBe(true)
})
