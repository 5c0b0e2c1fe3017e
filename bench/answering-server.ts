/** The one server that every contestant of `pnpm bench wire` calls: two ports, 230 bytes of JSON, in a process of its own; over mutual TLS where it is told so. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

const body = JSON.stringify({ id: 42, name: 'a thing of some length', price: 12.5, tags: ['one', 'two', 'three'], text: 'x'.repeat(137) })

const answer: RequestListener = (request, response) => {
  // Read to its end, so that a POST costs its body.
  request.resume()
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  })
}

/** What it is told first: a certificate with its key and the root, in PEM, or nothing where all is plaintext. */
type Told = [{ readonly cert: string; readonly key: string; readonly ca: string } | 'plaintext']

const [told] = (await once(process, 'message')) as Told
const ports: number[] = []
for (let listening = 0; listening < 2; listening++) {
  // Longer than any pause of the bench: a connection that ends between two rounds would be measured as work.
  const keepAliveTimeout = 60_000
  const secured = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' } as const
  const server =
    told === 'plaintext'
      ? createServer({ keepAliveTimeout }, answer)
      : createSecureServer({ keepAliveTimeout, ...secured, ...told }, answer)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ports.push((server.address() as AddressInfo).port)
}
process.send?.({ ports, bytes: Buffer.byteLength(body) })
process.once('disconnect', () => process.exit(0))
