/** Serves, calls, follows files, closes its mesh, and does nothing more: the process must end by itself. */
import { createMesh } from '@zerohop/mesh-core'
import { fileEndpoints, staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { quietLog } from '../quiet-log.ts'

const [how, policyFile, endpointsFile] = process.argv.slice(2) as [string, string, string]

const serving = createMesh({ service: 'target', policy: policyFile, log: quietLog })
const server = await serveHttp(
  serving,
  (request, response) => {
    // The slow one is never answered.
    if (request.url !== '/slow') response.end('ok')
  },
  { port: 0, host: '127.0.0.1' },
)
const mesh = createMesh({
  service: 'caller',
  log: quietLog,
  policy: policyFile,
  discovery: how === 'file' ? fileEndpoints(endpointsFile, { log: quietLog }) : staticEndpoints({ target: [server.address] }),
})
await mesh.ready()
const fetch = meshFetch(mesh)
if (how !== 'file') {
  await Promise.all(Array.from({ length: 10 }, async () => (await fetch('http://target/')).text()))
  // One whose answer is never read, and one that is still under way.
  await fetch('http://target/')
  fetch('http://target/slow').catch(() => {})
}
if (how === 'unclosed') {
  // Whoever forgets to close a client's mesh keeps no process alive by it: only a server does.
  await serving.close({ graceMs: 0 })
} else {
  await mesh.close({ graceMs: 0 })
  await serving.close({ graceMs: 0 })
}
