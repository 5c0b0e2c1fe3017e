/** An identity whose certificate, key and roots stand in files that somebody else writes: cert-manager, Vault, an operator. */
import type { Identity, IdentitySource } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { WatchSource } from '../kernel/watch.ts'
import { WatchedFile } from '../kernel/watched-file.ts'
import { hintFor } from '../policy/did-you-mean.ts'
import { foreignIdentity, isSameIdentity } from './foreign-identity.ts'
import { checkForm, usualForm } from './foreign-names.ts'

/** Where the files are, all in PEM. Each is followed, however it is replaced. */
export interface FileIdentityOptions {
  /** The leaf first, then intermediates: `tls.crt` of cert-manager. */
  readonly certificate: string
  /** The key of the leaf, not encrypted: `tls.key`. */
  readonly key: string
  /** The roots by which peers are believed: `ca.crt`. */
  readonly roots: string
  /**
   * The form of the services' SPIFFE IDs, with `{service}` in it, and `{trustDomain}` for that of the certificate:
   * `spiffe://{trustDomain}/ns/default/dc/dc1/svc/{service}`. Default: `spiffe://{trustDomain}/svc/{service}`.
   */
  readonly idOf?: string
}

type Part = 'certificate' | 'key' | 'roots'

// A certificate that is not valid yet, by a clock that is a little slow, is looked at again though no file has changed.
const againMs = 5000

const parts: readonly Part[] = ['certificate', 'key', 'roots']

/**
 * The identity in some files, for `createMesh({ identity })`. Trust domain and name are those of the certificate. What does not fit together,
 * as while the files are being replaced one after the other, is waited out: the identity from before stays.
 * @throws MeshError BAD_OPTIONS
 */
export function fileIdentity(options: FileIdentityOptions): IdentitySource {
  const problems: string[] = []
  const given = (options ?? {}) as unknown as Readonly<Record<string, unknown>>
  for (const part of parts) {
    if (typeof given[part] !== 'string' || given[part] === '') problems.push(`${part}: expected the path of a file`)
  }
  const known = [...parts, 'idOf']
  for (const name of Object.keys(given).filter((key) => !known.includes(key)))
    problems.push(`unknown key \`${name}\`${hintFor(name, known)}`)
  if (problems.length > 0) throw new MeshError({ code: 'BAD_OPTIONS', message: `fileIdentity: ${problems.join('; ')}` })
  return new FileIdentity(options, checkForm(options.idOf ?? usualForm), Date.now)
}

/** The same on a wall clock of the caller's choice. */
export class FileIdentity implements IdentitySource {
  readonly name = 'file'
  readonly renewals = new Map<string, number>()
  problem = ''
  readonly #paths: FileIdentityOptions
  readonly #form: string
  readonly #wallNow: () => number
  readonly #source = new WatchSource<Identity>()
  #files: Readonly<Record<Part, WatchedFile>> | null = null
  #texts: Record<Part, string | Error> = { certificate: '', key: '', roots: '' }
  #again: NodeJS.Timeout | null = null
  #isClosed = false

  /** @param wallNow milliseconds since 1970 */
  constructor(paths: FileIdentityOptions, form: string, wallNow: () => number) {
    this.#paths = paths
    this.#form = form
    this.#wallNow = wallNow
  }

  get current(): Identity | undefined {
    return this.#source.current
  }

  subscribe(listener: (identity: Identity) => void): () => void {
    return this.#source.subscribe(listener)
  }

  start(): void {
    if (this.#files !== null || this.#isClosed) return
    const follow = (part: Part): WatchedFile =>
      new WatchedFile(this.#paths[part], (text) => {
        this.#texts[part] = text
        this.#take()
      })
    this.#files = { certificate: follow('certificate'), key: follow('key'), roots: follow('roots') }
    this.#readAll(this.#files)
  }

  async renew(): Promise<void> {
    this.start()
    if (this.#files !== null && !this.#isClosed) this.#readAll(this.#files)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#again !== null) clearTimeout(this.#again)
    for (const file of Object.values(this.#files ?? {})) file.close()
    // Nobody reads the key here any more.
    this.#texts = { certificate: '', key: '', roots: '' }
  }

  #readAll(files: Readonly<Record<Part, WatchedFile>>): void {
    for (const part of parts) this.#texts[part] = files[part].readNow()
    this.#take()
  }

  #take(isNews = true): void {
    if (this.#again !== null) clearTimeout(this.#again)
    this.#again = null
    try {
      const [certificate, key, roots] = parts.map((part) => this.#text(part)) as [string, string, string]
      const identity = foreignIdentity(
        { certificate, key, roots },
        { generation: (this.current?.generation ?? 0) + 1, now: this.#wallNow(), places: this.#paths, formOf: () => this.#form },
      )
      this.problem = ''
      if (isSameIdentity(identity, this.current)) return
      this.#count('adopted')
      this.#source.set(identity)
    } catch (error) {
      if (isNews) this.#count('refused')
      this.problem = (error as Error).message
      this.#again = setTimeout(() => this.#take(false), againMs).unref()
    }
  }

  #text(part: Part): string {
    const text = this.#texts[part]
    if (text instanceof Error) throw new Error(`${part}: ${this.#paths[part]} cannot be read: ${text.message}`)
    return text
  }

  #count(result: 'adopted' | 'refused'): void {
    this.renewals.set(result, (this.renewals.get(result) ?? 0) + 1)
  }
}
