/** Tests of what answers and losses mean. */
import { verdictName } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { meaningOfLoss, retryAfterMs, StatusVerdicts } from './http-outcome.ts'

describe('a status', () => {
  const plain = new StatusVerdicts({})
  test.each([
    [200, 'ok'],
    [302, 'ok'],
    [400, 'rejected'],
    [404, 'rejected'],
    [429, 'throttled'],
    [500, 'fault'],
    [503, 'unavailable'],
    [504, 'fault'],
    [599, 'fault'],
  ])('%d means %s', (code, name) => expect(verdictName(plain.of(code, {}))).toBe(name))

  test('a policy may change what a status means', () => {
    const changed = new StatusVerdicts({ 404: 'ok', 502: 'unavailable' })
    expect([404, 502, 500].map((code) => verdictName(changed.of(code, {})))).toEqual(['ok', 'unavailable', 'fault'])
  })

  test.each([
    [503, 'unreached'],
    [429, 'unreached'],
    [403, 'rejected'],
    [200, 'ok'],
  ])('%d with zerohop-refused means %s', (code, name) => {
    expect(verdictName(plain.of(code, { 'zerohop-refused': 'limit' }))).toBe(name)
  })
})

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    ['7', 7000],
    ['99999', 300_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['soon', -1],
    ['-5', -1],
    [undefined, -1],
    [['1', '2'], -1],
  ])('%j asks for %d ms', (value, ms) => expect(retryAfterMs({ 'retry-after': value as string })).toBe(ms))

  test('a date in the future is waited for', () => {
    const ms = retryAfterMs({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })
    expect(ms).toBeGreaterThan(55_000)
    expect(ms).toBeLessThanOrEqual(60_000)
  })
})

describe('a loss', () => {
  const error = (code: string) => Object.assign(new Error('x'), { code })
  test.each([
    ['nothing written, new connection', { written: false, answered: false, reused: false }, 'unreached', false],
    ['nothing written, used connection', { written: false, answered: false, reused: true }, 'unreached', true],
    ['written, new connection', { written: true, answered: false, reused: false }, 'broken', false],
    ['written, used connection', { written: true, answered: false, reused: true }, 'broken', true],
    ['answered in part, used connection', { written: true, answered: true, reused: true }, 'broken', false],
  ])('%s', (_name, known, verdict, stale) => {
    const meaning = meaningOfLoss({ error: error('ECONNRESET'), ...known }, false)
    expect([verdictName(meaning.verdict), meaning.stale]).toEqual([verdict, stale])
  })

  test.each([
    ['UND_ERR_HEADERS_OVERFLOW', 'broken', 'BAD_REPLY'],
    ['ERR_ASSERTION', 'broken', 'BAD_REPLY'],
    ['UND_ERR_INVALID_ARG', 'cancelled', 'BAD_REQUEST'],
    ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'cancelled', 'BAD_REQUEST'],
  ])('%s is judged by what it says', (code, verdict, meshCode) => {
    const meaning = meaningOfLoss({ error: error(code), written: true, answered: true, reused: true }, false)
    expect([verdictName(meaning.verdict), meaning.code, meaning.stale]).toEqual([verdict, meshCode, false])
  })
})
