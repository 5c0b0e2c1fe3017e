import net from 'node:net'
import { text } from 'node:stream/consumers'
import { createMesh } from '@zerohop/mesh-core'
import { testAuthority } from '@zerohop/mesh-core/testing'
import { secureClient } from '@zerohop/mesh-core/transport'
import { serveHttp } from '@zerohop/mesh-http'
import { expect, test } from 'vitest'
import { quietLog } from '../support/quiet-log.ts'

test('whoever begins a request and does not end its head is answered and let go, in plaintext and over TLS', {
  timeout: 40_000,
}, async () => {
  const authority = testAuthority()
  await using mesh = createMesh({ service: 'cart', identity: authority.identitySource('cart'), log: quietLog })
  await using server = await serveHttp(mesh, (_, response) => response.end(), { port: 0, host: '127.0.0.1', signals: false, graceMs: 100 })
  const plain = net.connect(server.port, '127.0.0.1')
  const secured = secureClient(net.connect(server.port, '127.0.0.1'), authority.identityOf('shop'), 'cart')
  const began = performance.now()
  const answers = [plain, secured].map((socket) => {
    socket.write('GET / HTTP/1.1\r\nhost: cart\r\n')
    return text(socket)
  })
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 408 /)
  expect(performance.now() - began).toBeGreaterThan(14_000)
})
