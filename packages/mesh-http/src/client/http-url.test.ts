/** Tests of reading URLs: the quick way must never differ from the platform's. */
import { describe, expect, test } from 'vitest'
import { readTarget, targetOf } from './http-url.ts'

const urls = [
  'http://inventory/items/42',
  'http://inventory',
  'http://inventory/',
  'http://inventory:8080/a?b=c&d=%20e',
  'http://inventory:80/a',
  'http://inventory:65535/a',
  'http://a.b-c.svc_1/x',
  'http://INVENTORY/a',
  'http://inventory/a/../b',
  'http://inventory/a/%2e%2E/b',
  'http://inventory/.well-known/x',
  'http://inventory/a.b/c..d',
  'http://inventory/a//b',
  'http://inventory/a?b?c/d',
  'http://inventory/a?',
  "http://inventory/a'b?c'd",
  'http://inventory/a b',
  'http://inventory/a\tb',
  'http://inventory/a#frag',
  'http://inventory/ä?ö',
  'http://inventory\\a',
  'http://1.2/a',
  'http://0x7f.1/a',
  'http://a.1/a',
  'http://[::1]:8080/a',
  'http://xn--mller-kva/a',
  'http://müller/a',
  'http://inventory./a',
  'http://a..b/c',
  'https://inventory/a?b',
  'https://inventory:443/a?b',
  ' http://inventory/a ',
  'http:inventory/a',
]

describe('readTarget', () => {
  test.each(urls)('%s is read as the platform reads it', (text) => {
    const url = URL.parse(text)
    expect(readTarget(text)).toEqual(url === null ? null : targetOf(url))
  })

  test('the query mark that stands alone is kept', () => {
    expect(readTarget('http://inventory/a?')?.path).toBe('/a?')
  })

  test.each([
    ['http://inventory./a', 'inventory', 'inventory.'],
    ['http://stock.shop.internal.:8080/', 'stock.shop.internal', 'stock.shop.internal.:8080'],
    ['http://./', '.', '.'],
  ])('of %s the host is %s, and what the server is told stays as it was written', (text, host, authority) => {
    expect(readTarget(text)).toMatchObject({ host, authority })
  })

  test.each([
    'ftp://inventory/a',
    'http://user:secret@inventory/a',
    'http://user@inventory/',
    'items/42',
    '',
    'data:,x',
    'http://inventory:99999/',
  ])('%s is nothing the mesh carries', (text) => expect(readTarget(text)).toBeNull())
})
