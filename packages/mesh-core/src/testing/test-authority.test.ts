import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { testAuthority } from './test-authority.ts'

test('a leaf is issued by its root, carries its ID and nothing of an authority', () => {
  const authority = testAuthority()
  const leaf = new X509Certificate(authority.issue('cart').pem)
  const root = new X509Certificate(authority.root.pem)
  expect(leaf.checkIssued(root)).toBe(true)
  expect(leaf.verify(root.publicKey)).toBe(true)
  expect(leaf.ca).toBe(false)
  expect(root.ca).toBe(true)
  expect(leaf.subjectAltName).toBe('URI:spiffe://test.zerohop/svc/cart')
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
})

test('two of its identities shake hands, each seeing the other', async () => {
  const authority = testAuthority()
  const cart = authority.identityOf('cart')
  const payment = authority.identityOf('payment')
  const server = createServer({
    secureContext: payment.context,
    requestCert: true,
    rejectUnauthorized: true,
    cert: payment.certificates,
    key: payment.key.export({ type: 'pkcs8', format: 'pem' }),
    ca: [...payment.bundle.roots],
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection')
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    secureContext: cart.context,
    checkServerIdentity: () => undefined,
  })
  await once(client, 'secureConnect')
  const [socket] = await accepted
  expect(client.authorized).toBe(true)
  expect(client.getPeerCertificate().subjectaltname).toBe('URI:spiffe://test.zerohop/svc/payment')
  expect(socket.authorized).toBe(true)
  expect(socket.getPeerCertificate().subjectaltname).toBe('URI:spiffe://test.zerohop/svc/cart')
  client.destroy()
  socket.destroy()
  server.close()
})

test('years from 2050 on are written in the longer form', () => {
  const notAfter = Date.UTC(2061, 4, 6, 7, 8, 9)
  expect(new X509Certificate(testAuthority().issue('cart', { notAfter }).pem).validToDate.getTime()).toBe(notAfter)
})
