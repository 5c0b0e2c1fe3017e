import { connect, constants } from 'node:http2'
import { duplexPair } from 'node:stream'
import { Metadata } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { headersOf } from './request-headers.ts'

// All names that Node has heard of, with whatever rules it has for them.
const names = Object.entries(constants)
  .filter(([constant]) => constant.startsWith('HTTP2_HEADER_'))
  .map(([, name]) => String(name))
  .filter((name) => !name.startsWith(':'))

test('no name that is said twice breaks a stream, whatever Node thinks of it', () => {
  const [near, far] = duplexPair()
  const session = connect('http://cart', { createConnection: () => near })
  const breaks = (headers: object): boolean => {
    try {
      session.request({ ':path': '/', ...headers }).on('error', () => {})
      return false
    } catch {
      return true
    }
  }
  const twice = (name: string): Metadata => {
    const metadata = new Metadata()
    metadata.add(name, 'one')
    metadata.add(name, 'two')
    return metadata
  }
  expect(names.filter((name) => breaks({ [name]: ['one', 'two'] })).length).toBeGreaterThan(30)
  expect(names.filter((name) => breaks(headersOf(twice(name))))).toEqual([])
  session.destroy()
  far.destroy()
})
