/** Whether whoever answers at a control address is the control API, judged by its certificate after its chain was found good. */
import { X509Certificate } from 'node:crypto'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { ControlFailure } from './control-failure.ts'

const controlId = /^spiffe:\/\/([a-z0-9._-]{1,255})\/control$/

/** What is known of the control API before it answers. */
export interface ControlServer {
  /** null: it may be of any. */
  readonly trustDomain: string | null
  /** True where the host name must be right as well: where those are believed who have issued certificates to others than the mesh. */
  readonly byName: boolean
}

/**
 * What node asks of a connection. A certificate with a URI must have the SPIFFE ID of the control API, for the authority that has issued it issues to
 * services too, and one of them may be called as the control API's host is. One without is judged by its host name.
 */
export function controlServerCheck(expected: ControlServer): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => {
    const uris = namesIn(certificate)
      .filter((name) => name.startsWith('URI:'))
      .map((name) => name.slice('URI:'.length))
    if (uris.length === 0) return checkServerIdentity(host, certificate)
    const found = uris.length === 1 ? controlId.exec(uris[0] as string) : null
    if (found === null || (expected.trustDomain !== null && found[1] !== expected.trustDomain)) {
      const wanted = `spiffe://${expected.trustDomain ?? '<trust domain>'}/control`
      const shown = JSON.stringify(uris.join(' ').slice(0, 300))
      return new ControlFailure(
        'untrusted',
        `whoever answers is not the control API: its certificate is that of ${shown}, not of ${wanted}`,
      )
    }
    return expected.byName ? checkServerIdentity(host, certificate) : undefined
  }
}

// Node puts a name into quotes that could be read as several: no ID has one.
function namesIn({ raw }: PeerCertificate): string[] {
  return new X509Certificate(raw).subjectAltName?.split(', ') ?? []
}
