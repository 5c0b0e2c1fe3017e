/** Whether whoever answers at a control address is the control API, judged by its certificate after its chain was found good. */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { controlInSpiffeId, controlSpiffeId } from '../policy/spiffe-id.ts'
import { urisOf } from '../policy/svid.ts'
import { ControlFailure } from './control-failure.ts'

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
    const uris = urisIn(certificate)
    if (uris === null) return new ControlFailure('untrusted', 'whoever answers shows a certificate whose names cannot be read')
    if (uris.length === 0) return checkServerIdentity(host, certificate)
    const found = uris.length === 1 ? controlInSpiffeId(uris[0] as string) : ''
    if (found === '' || (expected.trustDomain !== null && found !== expected.trustDomain)) {
      const wanted = controlSpiffeId(expected.trustDomain ?? '<trust domain>')
      const shown = JSON.stringify(uris.join(' ').slice(0, 300))
      return new ControlFailure(
        'untrusted',
        `whoever answers is not the control API: its certificate is that of ${shown}, not of ${wanted}`,
      )
    }
    return expected.byName ? checkServerIdentity(host, certificate) : undefined
  }
}

// As they are encoded, one by one: in node's text of them one name can look like two.
function urisIn({ raw }: PeerCertificate): readonly string[] | null {
  try {
    return urisOf(raw)
  } catch {
    return null
  }
}
