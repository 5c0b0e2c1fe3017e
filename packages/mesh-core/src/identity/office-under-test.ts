/** An office for tests: it signs what it is asked by an authority of the test, is away, loses answers, and answers as wrongly as a test wants. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'
import { WatchSource } from '../kernel/watch.ts'
import { readDer, readOnly } from '../policy/der.ts'
import type { CertificateAnswer, TrustSection } from '../policy/exchange.ts'
import type { CertificateOffice, Patience } from './certificate-office.ts'

/** What a test says of a certificate beyond the key that was asked for. */
export interface Issue {
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  readonly notBefore: number
  readonly notAfter: number
}

export interface OfficeUnderTestOptions {
  readonly root: string
  readonly issue: (issue: Issue) => { readonly pem: string; readonly notBefore: number; readonly notAfter: number }
  readonly clock: Clock
  readonly wallNow: () => number
  readonly lifeMs: number
}

// The authority of a test signs with keys of its own; this one only fills its place.
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Sane by itself. */
export class OfficeUnderTest implements CertificateOffice {
  readonly addresses = 1
  readonly trust = new WatchSource<TrustSection>()
  /** What was asked, each with its time by the wall clock. */
  readonly asked: { readonly csr: string; readonly at: number }[] = []
  /** Set: nothing is answered but this. */
  outage: Error | 'silence' | null = null
  isAbsent = false
  /** Taken one by one in place of sane answers. */
  readonly next: ((answer: CertificateAnswer, csr: string) => CertificateAnswer | Error)[] = []
  roots: readonly string[]
  renewBefore = 0
  readonly #options: OfficeUnderTestOptions

  constructor(options: OfficeUnderTestOptions) {
    this.#options = options
    this.roots = [options.root]
  }

  get section(): TrustSection {
    return {
      hash: `${this.roots.join()}${this.renewBefore}`,
      trustDomain: 'test.zerohop',
      roots: [...this.roots],
      renewBefore: this.renewBefore,
    }
  }

  /** Pushes the roots and wishes of the moment. */
  push(): void {
    this.trust.set(this.section)
  }

  trustDomain(patience: Patience): Promise<string | null> {
    return this.#unlessAway(patience) ?? Promise.resolve(this.isAbsent ? null : 'test.zerohop')
  }

  sign(csr: string, patience: Patience): Promise<CertificateAnswer> {
    const { wallNow, lifeMs, issue } = this.#options
    const away = this.#unlessAway(patience)
    if (away !== null) return away
    const at = wallNow()
    this.asked.push({ csr, at })
    const made = issue({ keys: { publicKey: keyIn(csr), privateKey }, notBefore: at - 120_000, notAfter: at + lifeMs })
    const answer = { certificates: made.pem, notBefore: made.notBefore, notAfter: made.notAfter, trust: this.section }
    const instead = this.next.shift()?.(answer, csr) ?? answer
    return instead instanceof Error ? Promise.reject(instead) : Promise.resolve(instead)
  }

  #unlessAway({ signal, limitMs }: Patience): Promise<never> | null {
    if (this.outage === null) return null
    if (this.outage !== 'silence') return Promise.reject(this.outage)
    return new Promise((_, reject) => {
      const timer = this.#options.clock.setTimer(limitMs, () => reject(new Error(`no whole answer within ${limitMs} ms`)))
      signal.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason)
      })
    })
  }
}

/** The key that a request asks for. */
export function keyIn(csr: string): KeyObject {
  const bytes = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
  const content = readDer(readDer(readOnly(bytes).content)[0]?.content as Buffer)
  return createPublicKey({ key: content[2]?.whole as Buffer, type: 'spki', format: 'der' })
}
