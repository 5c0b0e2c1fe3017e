/** What the certificates of the shop's processes show. */
import { connect } from 'node:tls'
import type { ServiceProcess } from '../run/service-process.ts'
import { meshPage, series } from './operator.ts'

const answerWithinMs = 5000

/** When the certificate of each of some processes ends, in milliseconds since 1970: another one for every new certificate. */
export async function certificateEnds(processes: readonly ServiceProcess[]): Promise<readonly number[]> {
  return (await Promise.all(processes.map(meshPage))).map(({ explanation }) => explanation.identity?.notAfter ?? 0)
}

/** The least, in seconds, that either certificate of a connection had left when a request began on it, in any of some processes since their start. */
export async function leastLeft(processes: readonly ServiceProcess[]): Promise<number> {
  return Math.min(...(await series(processes, 'zerohop_certificates_least_left_seconds')))
}

/** True where the certificate that a process shows leads to one of `roots`, in PEM. */
export function leadsTo(roots: string, { address }: ServiceProcess): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  // Without a certificate, so that the server ends it; by then it has shown its own. Its names are no host's.
  const options = { host: '127.0.0.1', port: Number(address.split(':')[1]), ca: roots, checkServerIdentity: () => undefined }
  const socket = connect(options, () => {
    resolve(socket.authorized)
    socket.destroy()
  })
  socket.setTimeout(answerWithinMs, () => socket.destroy())
  socket.on('error', () => resolve(false)).on('close', () => resolve(false))
  return promise
}
