/** The client's end of mutual TLS: who answers must prove to be the service that was called, whatever its address or common name. */
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import type { Identity, Peer } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { checkPeer, type ShownCertificate } from './peer-check.ts'
import { peerProved } from './proved-peers.ts'

/** A service, and the protocols that its caller offers to speak (ALPN), such as `h2`. */
export interface CalledOver {
  readonly service: string
  readonly alpn: readonly string[]
}

/**
 * TLS 1.3 over a socket that is connected, or on its way. On 'secureConnect' the peer is proved, as `peerOf` tells; nothing that is sent
 * leaves before. Until then 'error' is a MeshError: WRONG_PEER for whoever is not `service`, UNREACHED where the handshake failed, with node's
 * error as its cause; the loss of the connection below may come as node tells it. A server judges this end's certificate only after
 * 'secureConnect': the connection is then lost while it waits for its first answer.
 * @param called the service; alone, where the protocol is not named
 */
export function secureClient(socket: Duplex, identity: Identity, called: string | CalledOver): TLSSocket {
  const { service, alpn } = typeof called === 'string' ? { service: called, alpn: [] } : called
  const secured: TLSSocket = connect({
    socket,
    secureContext: identity.context,
    // node refuses to name an address.
    ...(isIP(service) === 0 ? { servername: service } : {}),
    ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    // Said, for the environment can set another default. No session is passed: with a resumed one nobody would be checked.
    rejectUnauthorized: true,
    checkServerIdentity: checkServer(identity, service, (peer) => peerProved(secured, peer)),
  })
  const destroy = secured._destroy
  // node hands errors of a chain to `destroy` alone; here the certificate can still be read.
  secured._destroy = (error, done) => {
    const told = error === null || secured.authorized || MeshError.is(error) ? error : failure(error, secured, { identity, service })
    destroy.call(secured, told, done)
  }
  return secured
}

/**
 * The same check for a client that makes its own connections, as node's `checkServerIdentity`. It is called where the chain is good;
 * whoever uses it passes `identity.context`, and `rejectUnauthorized: true`.
 * @param proved hears who it is, each time that the check passes
 */
export function checkServer(
  identity: Identity,
  service: string,
  proved?: (peer: Peer) => void,
): (host: string, certificate: PeerCertificate) => MeshError | undefined {
  return (_host, certificate) => {
    const shown: ShownCertificate = { leaf: certificate.raw, chainProblem: '' }
    const read = checkPeer(shown, identity.bundle.trustDomain)
    if (!read.ok) return wrongPeer(service, `${expectation(identity, service)}, but ${read.problem}`)
    const { peer } = read
    if (peer.spiffeId !== identity.idOf(service)) {
      return wrongPeer(service, `${expectation(identity, service)}, and the peer proved to be ${peer.spiffeId}`)
    }
    proved?.(peer)
    return undefined
  }
}

function failure(error: Error, secured: TLSSocket, called: { identity: Identity; service: string }): MeshError {
  const { identity, service } = called
  const { code = '', reason } = error as NodeJS.ErrnoException & { reason?: string }
  // Set where the chain did not pass: everything else is a failure of the handshake itself.
  if (secured.authorizationError) {
    const shown: ShownCertificate = { leaf: secured.getPeerX509Certificate()?.raw, chainProblem: code }
    const read = checkPeer(shown, identity.bundle.trustDomain)
    const problem = read.ok ? error.message : read.problem
    return wrongPeer(service, `${expectation(identity, service)}, but ${problem}`, error)
  }
  return MeshError.withoutStack({
    code: 'UNREACHED',
    service,
    message: `${service}: the TLS handshake failed: ${reason ?? error.message}`,
    cause: error,
  })
}

function expectation(identity: Identity, service: string): string {
  return `expected ${identity.idOf(service)}`
}

function wrongPeer(service: string, problem: string, cause?: Error): MeshError {
  return MeshError.withoutStack({ code: 'WRONG_PEER', service, message: `${service}: ${problem}`, cause })
}
