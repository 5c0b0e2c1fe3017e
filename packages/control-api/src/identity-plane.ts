/** The half of the control API that proves who is who: its authority, its own TLS, the desk for certificates, and rotations as they go on. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PeerCallers } from './access/peer-callers.ts'
import type { TokenOffice } from './access/token-office.ts'
import type { Authority } from './authority/authority.ts'
import { openAuthority } from './authority/open-authority.ts'
import type { SecretSource } from './authority/sealing-secret.ts'
import type { Clock } from './clock.ts'
import type { Metrics } from './observe/metrics.ts'
import { RotationSteps } from './rotation-steps.ts'
import { CertificateDesk } from './routes/certificate-desk.ts'
import { identityOperations } from './routes/identity.ts'
import { timesOf } from './routes/identity-state.ts'
import type { Operation } from './routes/operation.ts'
import type { Writes } from './routes/writes.ts'
import type { ControlSettings } from './settings.ts'
import type { Stores } from './store/stores.ts'
import { defaultNames, TlsFront } from './tls-front.ts'

/** What it is made of. */
export interface IdentityPlaneParts {
  readonly settings: ControlSettings
  readonly stores: Stores
  readonly clock: Clock
  readonly metrics: Metrics
  /** Under which the keys of the authority are kept. */
  readonly secret: SecretSource
  /** Takes a sentence on what it did by itself, or why it could not. */
  readonly tell: (level: 'info' | 'error', sentence: string) => void
}

/** One for a control API that speaks TLS. */
export class IdentityPlane {
  readonly authority: Authority
  readonly peers: PeerCallers
  readonly front: TlsFront
  readonly #parts: IdentityPlaneParts
  #steps: RotationSteps | null = null

  private constructor(parts: IdentityPlaneParts, authority: Authority, front: TlsFront) {
    this.#parts = parts
    this.authority = authority
    this.front = front
    this.peers = new PeerCallers(authority, parts.clock)
    measure(authority, parts.metrics)
  }

  /** @throws Error with a sentence that says why it cannot be: another trust domain than before, a missing key file, a wrong passphrase */
  static async open(parts: IdentityPlaneParts): Promise<IdentityPlane> {
    const { settings, stores, clock, secret, metrics } = parts
    const { trustDomain, leafLife: leafLifeMs, lease, host } = settings
    const authority = await openAuthority({
      store: stores.authority,
      clock,
      trustDomain,
      secret,
      leafLifeMs,
      // For one lease time after a start nobody counts as missing: by then all that poll have come back. With short leaves it has no such time.
      pace: { settleMs: Math.min(lease, leafLifeMs / 4) },
    })
    try {
      const names = settings.tlsNames.length > 0 ? settings.tlsNames : defaultNames(host)
      const onFault = (sentence: string) => parts.tell('error', sentence)
      return new IdentityPlane(parts, authority, await TlsFront.open({ authority, names, clock, metrics, onFault }))
    } catch (error) {
      await authority.close()
      throw error
    }
  }

  operations(office: TokenOffice, writes: Writes): Operation[] {
    const { clock, metrics, settings } = this.#parts
    const { authority } = this
    const desk = new CertificateDesk({
      authority,
      office,
      writes,
      ownNames: this.front.names,
      leafLifeMs: settings.leafLife,
      clock,
      metrics,
    })
    return identityOperations({ authority, writes, desk })
  }

  /** Begins to move rotations on. @param laggards names of the processes that have not said that they hold the trust of a hash */
  begin(laggards: (trustHash: string) => readonly string[]): void {
    const { clock, tell } = this.#parts
    this.#steps = new RotationSteps({ authority: this.authority, clock, world: { laggards }, tell })
  }

  async close(): Promise<void> {
    this.#steps?.close()
    this.front.close()
    await this.authority.close()
  }
}

/** Where the keys of the authority get their seal from. @throws Error where the file of the passphrase cannot be read */
export function secretOf({ caKeyFile, caPassphraseFile, data }: ControlSettings): SecretSource {
  if (caPassphraseFile === undefined) return { keyFile: caKeyFile ?? join(data, 'ca.key') }
  try {
    // An editor leaves the end of a line behind it.
    return { passphrase: readFileSync(caPassphraseFile, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    throw new Error(`The passphrase of the authority cannot be read: ${(error as Error).message}.`, { cause: error })
  }
}

function measure(authority: Authority, metrics: Metrics): void {
  metrics.gauge('zerohop_control_valid_leaves', 'Certificates of services that are valid and not replaced.', () => authority.validLeaves)
  metrics.gauge('zerohop_control_root_not_after_seconds', 'End of the root that expires first, in seconds since 1970.', () =>
    Math.min(...authority.trust.roots.map((pem) => timesOf(pem).notAfter / 1000)),
  )
  metrics.gauge('zerohop_control_rotation_under_way', 'Whether the root is being turned over: 1 while it is.', () =>
    authority.rotation.phase === 'none' ? 0 : 1,
  )
}
