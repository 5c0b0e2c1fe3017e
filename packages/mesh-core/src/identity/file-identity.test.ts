import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { Identity } from '../kernel/identity.ts'
import { type TestCertificate, testAuthority } from '../testing/test-authority.ts'
import { FileIdentity, type FileIdentityOptions, fileIdentity } from './file-identity.ts'
import { checkForm, namesIn, usualForm } from './foreign-names.ts'

const authority = testAuthority()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

function scene(options: { form?: string; wallNow?: () => number } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
  cleanups.push(() => rmSync(directory, { recursive: true }))
  const paths: FileIdentityOptions = {
    certificate: join(directory, 'tls.crt'),
    key: join(directory, 'tls.key'),
    roots: join(directory, 'ca.crt'),
  }
  const write = (name: keyof FileIdentityOptions, text: string): void => writeFileSync(paths[name] as string, text)
  const put = (certificate: TestCertificate): void => {
    write('certificate', certificate.pem)
    write('key', certificate.keyPem)
  }
  const source = new FileIdentity(paths, options.form ?? usualForm, options.wallNow ?? Date.now)
  cleanups.push(() => source.close())
  const heard: Identity[] = []
  source.subscribe((identity) => heard.push(identity))
  write('roots', authority.root.pem)
  return { directory, paths, write, put, source, heard }
}

test('what stands in the files is the identity at once, with the trust domain and the name of the certificate', () => {
  const { put, source, heard } = scene()
  const certificate = authority.issue('cart')
  put(certificate)
  source.start()
  expect(source.current).toMatchObject({
    generation: 1,
    spiffeId: 'spiffe://test.zerohop/svc/cart',
    bundle: { trustDomain: 'test.zerohop', roots: [expect.stringContaining('BEGIN CERTIFICATE')] },
    notBefore: Math.floor(certificate.notBefore / 1000) * 1000,
  })
  expect(source.current?.idOf('user')).toBe('spiffe://test.zerohop/svc/user')
  expect(heard).toHaveLength(1)
  expect(source.problem).toBe('')
})

test('new files are adopted; between the certificate and its key the identity from before stays', async () => {
  const { write, put, source, heard } = scene()
  put(authority.issue('cart'))
  source.start()
  const next = authority.issue('cart')
  write('certificate', next.pem)
  await vi.waitFor(() => expect(source.problem).toMatch(/tls\.crt belongs to another key/), 5000)
  expect(heard).toHaveLength(1)
  write('key', next.keyPem)
  await vi.waitFor(() => expect(heard).toHaveLength(2), 5000)
  expect(source.problem).toBe('')
  expect(heard[1]?.certificates.trim()).toBe(next.pem.trim())
  expect(heard[1]?.generation).toBe(2)
})

test('a mounted volume that is swapped as a whole is followed, and another root is another generation', async () => {
  const { directory, source, heard, paths } = scene()
  const lay = (name: string, roots: string, certificate: TestCertificate): void => {
    mkdirSync(join(directory, name))
    writeFileSync(join(directory, name, 'tls.crt'), certificate.pem)
    writeFileSync(join(directory, name, 'tls.key'), certificate.keyPem)
    writeFileSync(join(directory, name, 'ca.crt'), roots)
  }
  const certificate = authority.issue('cart')
  lay('one', authority.root.pem, certificate)
  lay('two', authority.root.pem + testAuthority().root.pem, certificate)
  symlinkSync('one', join(directory, 'data'))
  rmSync(paths.roots)
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) symlinkSync(join('data', name), join(directory, name))
  source.start()
  expect(heard).toHaveLength(1)
  symlinkSync('two', join(directory, 'data-next'))
  renameSync(join(directory, 'data-next'), join(directory, 'data'))
  await vi.waitFor(() => expect(source.current?.bundle.roots).toHaveLength(2), 5000)
  expect(source.current?.generation).toBe(2)
})

test.each([
  [
    'no key file',
    /^key: .*tls\.key cannot be read: ENOENT/,
    ({ write }: ReturnType<typeof scene>) => write('certificate', authority.issue('cart').pem),
  ],
  [
    'a key that is none',
    /holds no private key/,
    ({ put, write }: ReturnType<typeof scene>) => {
      put(authority.issue('cart'))
      write('key', 'secret stuff')
    },
  ],
  [
    'roots that are none',
    /^roots: .*ca\.crt: the texts hold no certificate/,
    ({ put, write }: ReturnType<typeof scene>) => {
      put(authority.issue('cart'))
      write('roots', 'x')
    },
  ],
  ['a certificate of others', /does not lead to a root/, ({ put }: ReturnType<typeof scene>) => put(testAuthority().issue('cart'))],
  [
    'an old certificate',
    /has expired/,
    ({ put }: ReturnType<typeof scene>) => put(authority.issue('cart', { notBefore: Date.now() - 9000, notAfter: Date.now() - 5000 })),
  ],
  [
    'a certificate without a SPIFFE ID',
    /names no URI/,
    ({ put }: ReturnType<typeof scene>) => put(authority.issue('cart', { uris: [], dns: ['cart'] })),
  ],
])('with %s there is no identity, and the reason names the file and shows nothing of a key', (_, problem, prepare) => {
  const it = scene()
  prepare(it)
  it.source.start()
  expect(it.source.current).toBe(undefined)
  expect(it.source.problem).toMatch(problem)
  expect(it.source.problem).not.toMatch(/secret stuff|PRIVATE KEY/)
  expect(it.source.renewals.get('refused')).toBe(1)
})

test('a certificate whose time has not come is looked at again, and so is everything when a renewal is asked for', async () => {
  const time = { now: Date.now() }
  const { put, source } = scene({ wallNow: () => time.now })
  put(authority.issue('cart', { notBefore: Date.now() + 60_000 }))
  source.start()
  expect(source.problem).toMatch(/is not valid yet/)
  time.now += 61_000
  await source.renew()
  expect(source.current?.spiffeId).toBe('spiffe://test.zerohop/svc/cart')
})

test('after close nothing is followed, and nothing starts', async () => {
  const { put, source, heard } = scene()
  await source.close()
  put(authority.issue('cart'))
  source.start()
  await source.renew()
  expect(heard).toHaveLength(0)
})

test('a foreign form of names leads there and back', () => {
  const { put, source } = scene({ form: 'spiffe://{trustDomain}/ns/default/dc/dc1/svc/{service}' })
  put(authority.issue('cart', { uris: ['spiffe://test.zerohop/ns/default/dc/dc1/svc/cart'] }))
  source.start()
  expect(source.current?.idOf('user')).toBe('spiffe://test.zerohop/ns/default/dc/dc1/svc/user')
  expect(source.current?.serviceOf('spiffe://test.zerohop/ns/default/dc/dc1/svc/user')).toBe('user')
  const { serviceOf } = namesIn('spiffe://{trustDomain}/ns/{service}/sa/app', 'a.b')
  expect(
    ['spiffe://a.b/ns/x/sa/app', 'spiffe://a.b/ns/x/y/sa/app', 'spiffe://a.b/ns//sa/app', 'spiffe://c/ns/x/sa/app'].map(serviceOf),
  ).toEqual(['x', '', '', ''])
})

test.each([
  [{}, /certificate: expected the path of a file; key: .*; roots: /],
  [{ certificate: 'a', key: 'b', roots: 'c', cert: 'd' }, /unknown key `cert`; known here: certificate, key, roots, idOf$/],
  [{ certificate: 'a', key: 'b', root: 'c' }, /roots: expected the path of a file; unknown key `root`: did you mean `roots`\?/],
  [{ certificate: 'a', key: 'b', roots: 'c', idOf: 'spiffe://a/b' }, /idOf: expected \{service\} in it, once/],
  [{ certificate: 'a', key: 'b', roots: 'c', idOf: '{service}' }, /is no SPIFFE ID .*scheme is missing/],
  [undefined, /certificate: expected/],
])('the options %j are wrong, and say so at once', (options, message) => {
  expect(() => fileIdentity(options as never)).toThrow(message)
  expect(checkForm(usualForm)).toBe(usualForm)
})
