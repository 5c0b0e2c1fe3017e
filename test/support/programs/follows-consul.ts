/** A program that follows a service in Consul and is registered there, closes neither, and must end all the same when its work is done. */
import { consulEndpoints, consulRegistration } from '@zerohop/mesh-discovery/consul'
import { quietLog } from '../quiet-log.ts'
import { settingsOf } from './with-parent.ts'

const { consul } = settingsOf<{ consul: readonly string[] }>()
const discovery = consulEndpoints({ address: consul, services: ['orders'], log: quietLog })
consulRegistration({ address: consul, log: quietLog }).register('orders', { address: '127.0.0.1:1', labels: {}, zone: '', weight: 1 })
const watch = discovery.watch('orders')
const { promise, resolve } = Promise.withResolvers<void>()
const stop = watch?.subscribe((list) => {
  if (list.length > 0) resolve()
})
// Work that keeps the process alive until it is listed.
const work = setInterval(() => {}, 1000)
await promise
clearInterval(work)
stop?.()
