/** Every process that polls, for as long as it is heard of. */
import type { Clock } from '../clock.ts'
import { Tally } from '../tally.ts'
import type { Interest } from './interest.ts'
import type { Interests } from './interests.ts'
import type { Poll } from './poll.ts'
import { PollingClient } from './polling-client.ts'

/** More processes poll than can be remembered. */
export class TooManyClients extends Error {
  override readonly name = 'TooManyClients'
}

/** A process that has not polled for so long, longer than any wait, is gone. */
const forgottenAfterMs = 600_000
const sweepMs = 10_000

/** So many polls are twice what one control API is made for. */
export const mostClients = 50_000
// Of one service: three for each place of the largest that documents are made for, since a process that was started anew has another name.
const mostClientsOfService = 30_000

/** Clients by service and instance. */
export class Clients {
  readonly #clock: Clock
  readonly #interests: Interests
  readonly #byName = new Map<string, PollingClient>()
  /** How many there are, by service. */
  readonly #ofService = new Tally()
  // Ten thousand clients say the same few versions: one string for all of them.
  readonly #sdks = new Map<string, string>()
  #timer: { cancel(): void }

  constructor(clock: Clock, interests: Interests) {
    this.#clock = clock
    this.#interests = interests
    this.#timer = clock.setTimer(sweepMs, () => this.#sweep())
  }

  get size(): number {
    return this.#byName.size
  }

  all(): Iterable<PollingClient> {
    return this.#byName.values()
  }

  /** Undefined where it was never heard of, or long ago. */
  find({ service, instance }: { readonly service: string; readonly instance: string }): PollingClient | undefined {
    return this.#byName.get(`${service}/${instance}`)
  }

  /**
   * The client that polls, with what it says of itself taken over.
   * @throws TooManyClients, TooManyNames
   */
  heard(poll: Poll): PollingClient {
    const key = `${poll.service}/${poll.instance}`
    const known = this.find(poll)
    if (known === undefined) this.#mustTakeOneMore(poll.service)
    // Followed before the former interest is left: what both share stays where it is.
    const interest = this.#interests.follow(poll.service, poll.uses)
    const client = known ?? new PollingClient(interest.own.name, ownCopy(poll.instance))
    if (client.interest !== null) this.#interests.leave(client.interest)
    if (known === undefined) {
      this.#byName.set(ownCopy(key), client)
      this.#ofService.add(client.service, 1)
    }
    this.#takeOver(client, poll, interest)
    return client
  }

  close(): void {
    this.#timer.cancel()
  }

  #mustTakeOneMore(service: string): void {
    if (this.#byName.size >= mostClients) throw new TooManyClients(`${mostClients} processes poll: no other is taken.`)
    if (this.#ofService.of(service) < mostClientsOfService) return
    throw new TooManyClients(`${mostClientsOfService} processes of ${service} poll: no other is taken.`)
  }

  #takeOver(client: PollingClient, poll: Poll, interest: Interest): void {
    client.interest = interest
    client.heldInterest = client.heldInterest?.within(interest) ?? null
    client.sentInterest = client.sentInterest?.within(interest) ?? null
    client.heardAt = this.#clock.now()
    client.sdk = this.#sdkOf(poll.sdk)
    // Of another level all sections are other ones.
    if (client.schema !== poll.schema) client.forgetAnswers()
    client.schema = poll.schema
    const { refused } = poll
    if (refused === null) client.refused = null
    else if (client.refused?.version !== refused.version || client.refused.reason !== refused.reason) {
      client.refused = { version: ownCopy(refused.version), reason: ownCopy(refused.reason) }
    }
  }

  #sdkOf(sdk: string): string {
    const known = this.#sdks.get(sdk)
    if (known !== undefined) return known
    if (this.#sdks.size >= 1000) this.#sdks.clear()
    const copy = ownCopy(sdk)
    this.#sdks.set(copy, copy)
    return copy
  }

  #sweep(): void {
    const now = this.#clock.now()
    for (const [key, client] of this.#byName) {
      if (client.reply !== null || now - client.heardAt < forgottenAfterMs) continue
      this.#byName.delete(key)
      this.#ofService.add(client.service, -1)
      if (client.interest !== null) this.#interests.leave(client.interest)
    }
    this.#timer = this.#clock.setTimer(sweepMs, () => this.#sweep())
  }
}

/** A string of its own: one that was cut out of a request's URL would hold all of that URL. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString()
}
