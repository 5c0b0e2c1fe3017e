/** Tests of what credentials are asked, and what becomes of what they say, as in grpc-js. */
import { credentials, status as Status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { metadataOf } from './bytes-client-under-test.ts'
import { withCredentials } from './call-credentials.ts'

const path = '/shop.Payment/Charge'
const saying = (fields: Record<string, string>) => credentials.createFromMetadataGenerator((_, done) => done(null, metadataOf(fields)))
const failing = (error: unknown) => credentials.createFromMetadataGenerator((_, done) => done(error as Error))

test.each([
  ['payment', 'payment'],
  ['payment.shop:9443', 'payment.shop'],
  ['[::1]:9443', '[::1]'],
])('are asked for the whole path, and for the service at %s without its port', async (authority, host) => {
  const asked: object[] = []
  const curious = credentials.createFromMetadataGenerator((call, done) => {
    asked.push(call)
    done(null, metadataOf({}))
  })
  await withCredentials(curious, { path, authority, headers: {} })
  expect(asked).toEqual([{ method_name: path, service_url: `https://${host}/shop.Payment` }])
})

test('add to what the program says under the same name', async () => {
  const both = credentials.combineCallCredentials(saying({ 'x-role': 'b', from: 'b' }), saying({ 'x-role': 'c' }))
  const headers = { 'x-role': 'a', from: 'a', other: 'd' }
  expect(await withCredentials(both, { path, authority: 'payment', headers })).toEqual({
    'x-role': ['a', 'b', 'c'],
    // Node takes no list for this one.
    from: 'a, b',
    other: 'd',
  })
  expect(headers['x-role']).toBe('a')
})

test('and a program that both prove who calls are one too many', async () => {
  const call = { path, authority: 'payment', headers: { authorization: 'a' } }
  await expect(withCredentials(saying({ authorization: 'b' }), call)).rejects.toMatchObject({ code: Status.INTERNAL })
})

const why = 'Getting metadata from plugin failed with error: no token'
test.each([
  [Status.UNAVAILABLE, Status.UNAVAILABLE, why],
  [Status.OK, Status.INTERNAL, `Invalid status from control plane: 0 OK ${why}`],
  [Status.NOT_FOUND, Status.INTERNAL, `Invalid status from control plane: 5 NOT_FOUND ${why}`],
])('that fail with %i fail the call with %i', async (given, code, message) => {
  const broken = failing(Object.assign(new Error('no token'), { code: given }))
  await expect(withCredentials(broken, { path, authority: 'payment', headers: {} })).rejects.toMatchObject({ code, message })
})

test.each([null, undefined, 'no token'])('that fail with %j fail the call', async (given) => {
  await expect(withCredentials(failing(given), { path, authority: 'payment', headers: {} })).rejects.toMatchObject({ code: Status.UNKNOWN })
})
