/** Finds out what a name stands for: asks the servers in turn, and follows aliases to their end. */
import { type DnsServer, type Exchange, exchange, type WholeAnswer } from './dns-exchange.ts'
import type { DnsType, Question } from './dns-message.ts'

/** What came of it, short of aliases and failures. */
export type Resolution = Exclude<WholeAnswer, { kind: 'alias' | 'failure' }>

/** No server gave an answer: what is known of the name stays as it is. */
export class DnsFailure extends Error {
  override readonly name = 'DnsFailure'
}

/** Where to ask, and how patiently. */
export interface ResolverSettings {
  readonly servers: readonly DnsServer[]
  /** For each server and each round. */
  readonly timeoutMs: number
  /** How often each server is asked before all count as silent. */
  readonly rounds: number
}

const mostAliases = 8

/** Asks DNS servers. Keeps nothing between questions but which server answered last, for that one is asked first. */
export class Resolver {
  readonly #settings: () => ResolverSettings
  readonly #ask: (asked: Exchange) => Promise<WholeAnswer>
  #first = 0

  /** @param settings read anew for each question, for the machine's own may change */
  constructor(settings: () => ResolverSettings, ask = exchange) {
    this.#settings = settings
    this.#ask = ask
  }

  /** @throws DnsFailure that says of each server why it gave no answer */
  async resolve(name: string, type: DnsType, signal: AbortSignal): Promise<Resolution> {
    let ttlSeconds = Number.POSITIVE_INFINITY
    let owner = name
    for (let step = 0; step <= mostAliases; step++) {
      const answer = await this.#askInTurn({ name: owner, type }, signal)
      ttlSeconds = Math.min(ttlSeconds, answer.ttlSeconds)
      if (answer.kind !== 'alias') return { ...answer, ttlSeconds }
      owner = answer.target
    }
    throw new DnsFailure(`${name} ${type}: its aliases come to no end; the last was ${owner}`)
  }

  async #askInTurn(question: Question, signal: AbortSignal): Promise<Exclude<WholeAnswer, { kind: 'failure' }>> {
    const { servers, timeoutMs, rounds } = this.#settings()
    const reasons: string[] = []
    // Taken once: another question, asked at the same time, may move it.
    const first = this.#first
    for (let turn = 0; turn < servers.length * rounds; turn++) {
      const at = (first + turn) % servers.length
      const server = servers[at] as DnsServer
      const answer = await this.#ask({ server, question, timeoutMs, signal })
      if (answer.kind !== 'failure') {
        this.#first = at
        return answer
      }
      if (signal.aborted) break
      const reason = `${formatServer(server)} ${answer.why}`
      if (!reasons.includes(reason)) reasons.push(reason)
    }
    const told = reasons.length === 0 ? 'there is no server to ask' : reasons.join('; ')
    throw new DnsFailure(`${question.name} ${question.type}: ${told}`)
  }
}

function formatServer({ host, port }: DnsServer): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
