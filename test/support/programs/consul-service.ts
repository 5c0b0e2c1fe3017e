/** An instance of `orders` that registers with Consul and serves until it is killed. */
import { createMesh } from '@zerohop/mesh-core'
import { consulRegistration } from '@zerohop/mesh-discovery/consul'
import { serveHttp } from '@zerohop/mesh-http'
import { quietLog } from '../quiet-log.ts'
import { settingsOf, tell } from './with-parent.ts'

/** What it is told at its start. */
export interface ConsulServiceSettings {
  readonly consul: readonly string[]
  readonly ttlMs: number
}

const { consul, ttlMs } = settingsOf<ConsulServiceSettings>()
const mesh = createMesh({ service: 'orders', log: quietLog, registration: consulRegistration({ address: consul, ttlMs }) })
const server = await serveHttp(mesh, (_request, response) => void response.end('ok'), { port: 0, host: '127.0.0.1' })
await tell('up', { address: server.address })
