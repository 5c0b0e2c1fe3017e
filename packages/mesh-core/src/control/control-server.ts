/** What is said of whoever answers at a control address and is not the control API. */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { type ControlGround, controlProof } from '../policy/control-proof.ts'
import { controlSpiffeId } from '../policy/spiffe-id.ts'
import { ControlFailure } from './control-failure.ts'

/** What node asks of a connection whose chain is good. @param ground anew for each connection */
export function controlServerCheck(ground: () => ControlGround): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => {
    const known = ground()
    const proof = controlProof(certificate, known)
    if (proof.kind !== 'refused') return proof.kind === 'proved' ? undefined : checkServerIdentity(host, certificate)
    const wanted = controlSpiffeId(known.trustDomain ?? '<trust domain>')
    const shown = JSON.stringify(proof.uris.join(' ').slice(0, 300))
    return new ControlFailure('untrusted', `whoever answers is not the control API: its certificate is that of ${shown}, not of ${wanted}`)
  }
}
