/** The command `rotate-root`: begins to turn the root of a running control API over, and follows that to its end. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { checkServerIdentity, type PeerCertificate, rootCertificates } from 'node:tls'
import { controlProof, identityRootsSchema, problemSchema, readSpiffeId, urisOf } from '@zerohop/mesh-core/policy'
import type { z } from 'zod'
import type { Clock } from './clock.ts'
import type { RotationOrder } from './invocation.ts'
import { rotationSchema } from './routes/identity-state.ts'

type Rotation = z.output<typeof rotationSchema>

/** What the command stands on. */
export interface RotateRootParts {
  readonly clock: Clock
  /** Prints a line. */
  readonly say: (line: string) => void
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

const everyMs = 1000
const answerMs = 10_000
// A control API that is started anew comes back well within this.
const longestAwayMs = 300_000

/** @throws Error with a sentence that says why it did not come to its end */
export async function rotateRoot(order: RotationOrder, parts: RotateRootParts): Promise<void> {
  await new RootRotation(order, parts).run()
}

class RootRotation {
  readonly #order: RotationOrder
  readonly #parts: RotateRootParts
  readonly #roots = new Set<string>()
  /** Those of the mesh itself among them. */
  readonly #own = new Set<string>()
  #trustDomain: string | null = null
  #said = ''
  #awaySince: number | null = null

  constructor(order: RotationOrder, parts: RotateRootParts) {
    this.#order = order
    this.#parts = parts
    for (const root of order.ca === null ? rootCertificates : certificatesIn(order.ca)) this.#believe(root)
  }

  async run(): Promise<void> {
    const { say } = this.#parts
    const begun = await this.#ask('POST', '/v1/identity/rotations')
    if (begun.status === 409) say('A rotation is under way already: it is followed to its end.')
    else if (begun.status !== 202) throw new Error(sentenceOf(begun))
    let last = begun.status === 202 ? rotationSchema.parse(begun.body) : null
    if (last !== null) say(`A rotation has begun, from the root ${last.oldRoot} to ${last.newRoot}.`)
    while (last === null || last.phase !== 'none') {
      await this.#learnRoots()
      const now = await this.#state()
      if (now !== null) this.#tell(last, now)
      last = now ?? last
      if (last?.phase !== 'none') await this.#pause()
    }
    say('The old root is believed no more: the rotation is done.')
  }

  #tell(last: Rotation | null, now: Rotation): void {
    const { say } = this.#parts
    if (now.phase === 'renewing' && last?.phase !== 'renewing') {
      say('The new root signs; all certificates are being renewed.')
      if (now.laggards.length > 0)
        say(`Waited in vain for: ${now.laggards.join(', ')}. They may refuse others until they are heard of again.`)
    }
    if (now.waitsFor === '' || now.waitsFor === this.#said) return
    this.#said = now.waitsFor
    say(`  waits: ${now.waitsFor}`)
  }

  /** Null while the control API is away. @throws Error where it stays away, or answers something else */
  async #state(): Promise<Rotation | null> {
    const { clock, say } = this.#parts
    let answer: Answer
    try {
      answer = await this.#ask('GET', '/v1/identity/rotations')
    } catch (error) {
      if (this.#awaySince === null) say(`  ${(error as Error).message}: it is asked again`)
      this.#awaySince ??= clock.now()
      if (clock.now() - this.#awaySince < longestAwayMs) return null
      throw new Error(`the control API has not answered for ${longestAwayMs / 60_000} min; the rotation goes on by itself once it is back`)
    }
    this.#awaySince = null
    if (answer.status >= 500) return null
    if (answer.status !== 200) throw new Error(sentenceOf(answer))
    return rotationSchema.parse(answer.body)
  }

  /** Whom a believed control API believes, is believed: its own certificate comes from the new root halfway. */
  async #learnRoots(): Promise<void> {
    const answer = await this.#ask('GET', '/v1/identity/roots').catch(() => null)
    const reading = identityRootsSchema.safeParse(answer?.body)
    for (const pem of reading.data?.roots ?? []) this.#believe(pem)
  }

  /** The mesh's own are known by the trust domain that they name. */
  #believe(root: string): void {
    this.#roots.add(root)
    const trustDomain = trustDomainOf(root)
    if (trustDomain === '') return
    this.#own.add(root)
    this.#trustDomain ??= trustDomain
  }

  #problemOf(host: string, certificate: PeerCertificate): Error | undefined {
    const { kind } = controlProof(certificate, { roots: [...this.#own], trustDomain: this.#trustDomain, now: this.#parts.clock.now() })
    if (kind === 'by_name') return checkServerIdentity(host, certificate)
    return kind === 'proved' ? undefined : new Error(`${host} shows a certificate that is not the control API's`)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.setTimer(everyMs, resolve))
  }

  async #ask(method: string, path: string): Promise<Answer> {
    const { control, token } = this.#order
    const headers = { authorization: `Bearer ${token}` }
    // A connection for each: a control API that was started anew is not asked on one that has died.
    const options = { method, headers, agent: false, timeout: answerMs } as const
    const url = new URL(path, control)
    const request =
      url.protocol === 'https:'
        ? tlsRequest(url, { ...options, ca: [...this.#roots], checkServerIdentity: (host, shown) => this.#problemOf(host, shown) })
        : plainRequest(url, options)
    request.on('timeout', () => request.destroy(new Error(`no answer within ${answerMs / 1000} s`)))
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request
        .once('response', resolve)
        .once('error', (error) => reject(unasked(control, error)))
        .end()
    })
    const body = await text(response)
    return { status: response.statusCode ?? 0, body: body === '' ? null : JSON.parse(body) }
  }
}

/** Why the control API could not be asked. Of a host with several addresses node tells a code alone. */
function unasked(control: URL, error: Error & { readonly code?: string }): Error {
  return new Error(`${control.origin} cannot be asked: ${error.message || error.code}`, { cause: error })
}

/** The certificates of a file, one by one. @throws Error where it holds none */
function certificatesIn(path: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`--ca: ${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  const found = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----\n?/g)
  if (found === null) throw new Error(`--ca: ${path} holds no certificate in PEM`)
  return found
}

/** The trust domain whose root this is, in PEM; '' where it is a root of somebody else. */
function trustDomainOf(root: string): string {
  const uris = urisOf(new X509Certificate(root).raw)
  const reading = readSpiffeId(uris[0] ?? '')
  return uris.length === 1 && reading.ok && reading.id.path === '' ? reading.id.trustDomain : ''
}

function sentenceOf({ status, body }: Answer): string {
  const reading = problemSchema.safeParse(body)
  return reading.success ? `${reading.data.error.message} (${status} ${reading.data.error.code})` : `it answered ${status}`
}
