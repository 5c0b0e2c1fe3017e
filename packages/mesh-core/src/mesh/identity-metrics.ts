/** What there is to know of a mesh's identity, and of peers that had none to show, as metrics. */
import type { LeastLeft } from '../identity/least-left.ts'
import type { IdentitySource } from '../kernel/identity.ts'
import type { Meter, Sample } from '../observe/meter.ts'

/** Adds the certificate's end, what became of renewals, and how near to their end certificates were used. */
export function registerIdentityMetrics(meter: Meter, source: IdentitySource, leastLeft: LeastLeft): void {
  meter.gauge(
    'zerohop_identity_not_after_seconds',
    'When the certificate of this process expires, in seconds since 1970; 0 while there is none.',
    () => [{ labels: { source: source.name }, value: (source.current?.notAfter ?? 0) / 1000 }],
  )
  meter.counter('zerohop_identity_renewals_total', 'Certificates that were asked for or read, by what became of them.', () =>
    by('result', source.renewals ?? new Map()),
  )
  meter.gauge(
    'zerohop_certificates_least_left_seconds',
    'The least that the certificates of a connection, of both ends, had left when a request began on it, since the start.',
    () => (leastLeft.ms === Number.POSITIVE_INFINITY ? [] : [{ labels: { source: source.name }, value: leastLeft.ms / 1000 }]),
  )
}

/** Adds the peers that were turned away. */
export function registerPeerMetrics(meter: Meter, refused: ReadonlyMap<string, number>): void {
  meter.counter('zerohop_peers_refused_total', 'Peers that were turned away in the handshake, by reason.', () => by('reason', refused))
}

function by(label: string, values: ReadonlyMap<string, number>): Sample[] {
  return [...values].map(([key, value]) => ({ labels: { [label]: key }, value }))
}
