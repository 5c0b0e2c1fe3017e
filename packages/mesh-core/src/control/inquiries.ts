/** Calls to names that are new here: which of them may be services, how long they wait for an answer, what becomes of strangers. */
import type { Clock } from '../kernel/clock.ts'
import type { Discovery } from '../kernel/discovery.ts'
import { isInsideName } from '../kernel/inside-name.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { nameSchema } from '../policy/schema.ts'
import type { ControlSettings } from './control-options.ts'
import type { WantedServices } from './wanted-services.ts'

/** How it stands with the control API, as far as a call is concerned. */
export interface Contact {
  /** True where an answer can be hoped for. */
  readonly isHopeful: boolean
  /** Why a name could not be found there, as part of a sentence. */
  readonly sentence: string
}

export interface InquiriesOptions {
  readonly settings: ControlSettings
  readonly own: Discovery | null
  readonly clock: Clock
  readonly wanted: WantedServices
  readonly contact: () => Contact
  /** Told of each call to a name that may be a service's, one from the last good document among them: the mesh is in use. */
  readonly used: () => void
}

// What a call to a new name waits at most.
const patienceMs = 500

/** One per mesh. */
export class Inquiries {
  readonly #options: InquiriesOptions

  constructor(options: InquiriesOptions) {
    this.#options = options
  }

  /** Asks about a service that is called; true where the call should wait for the answer. */
  awaits(service: string): boolean {
    if (!this.#mayBeService(service)) return false
    this.#options.wanted.want(service)
    this.#options.used()
    return this.#isPending(service)
  }

  /** Resolves when the control API has said whether it knows a service, after `limitMs` or 500 ms at the latest; null where there is nothing to wait for. */
  inquire(service: string, limitMs: number): Promise<void> | null {
    if (!this.#isPending(service) || !(limitMs > 0)) return null
    const { clock, wanted } = this.#options
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel()
        forget()
        resolve()
      }
      const timer = clock.setTimer(Math.min(limitMs, patienceMs), done)
      // A call waits for it.
      timer.keepAlive(true)
      const forget = wanted.whenTold(service, done)
    })
  }

  /** Why a call to a host that the mesh does not know must not leave where only registered services may be called; null where it may. */
  strangerError(host: string): MeshError | null {
    if (!this.#options.settings.registeredOnly || !this.isInside(host)) return null
    const message = `${host}: ${this.whyUnknown}, and only registered services may be called`
    return MeshError.withoutStack({ code: 'NOT_REGISTERED', service: host, message })
  }

  /** Why a name could not be found, as part of a sentence. */
  get whyUnknown(): string {
    return this.#options.contact().sentence
  }

  /** True for the names that services have. */
  isInside(name: string): boolean {
    return isInsideName(name, this.#options.settings.suffixes)
  }

  #isPending(service: string): boolean {
    return this.#options.contact().isHopeful && this.#options.wanted.isPending(service, patienceMs)
  }

  #mayBeService(name: string): boolean {
    // A poll with this name in it would be refused whole: there it means the policies of all services.
    if (name === 'defaults') return false
    if (!this.isInside(name) && (this.#options.own?.watch(name) ?? null) === null) return false
    return nameSchema.safeParse(name).success
  }
}
