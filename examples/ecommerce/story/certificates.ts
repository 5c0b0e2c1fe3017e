/** What the certificates of the shop's processes show. */
import { connect } from 'node:tls'
import type { ServiceProcess } from '../run/service-process.ts'
import { meshPage, series } from './operator.ts'

const answerWithinMs = 5000

/** The certificate of a process. */
export interface Held {
  /** Milliseconds since 1970: another one for every new certificate. 0 for none. */
  readonly notAfter: number
  /** Why there is none, or none newer; '' while all is well. */
  readonly problem: string
}

/** The certificate of each of some processes. */
export async function certificatesOf(processes: readonly ServiceProcess[]): Promise<readonly Held[]> {
  const pages = await Promise.all(processes.map(meshPage))
  return pages.map(({ explanation }) => explanation.identity ?? { notAfter: 0, problem: 'it has no source of an identity' })
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
