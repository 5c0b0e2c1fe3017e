/** DNS servers for tests: what they say of each name, and what they were asked. */
import type { Exchange, WholeAnswer } from './dns-exchange.ts'

/** Answers by `name type`, or by `server name type` where a test tells servers apart; everything else does not exist. */
export class ScriptedServers {
  readonly said = new Map<string, WholeAnswer>()
  readonly asked: string[] = []

  readonly ask = async ({ server, question, signal }: Exchange): Promise<WholeAnswer> => {
    if (signal.aborted) return { kind: 'failure', why: 'was not asked' }
    const key = `${question.name} ${question.type}`
    this.asked.push(`${server.host} ${key}`)
    return this.said.get(`${server.host} ${key}`) ?? this.said.get(key) ?? { kind: 'none', why: 'NXDOMAIN', ttlSeconds: 5 }
  }

  addresses(key: string, addresses: readonly string[], ttlSeconds = 60): void {
    this.said.set(key, { kind: 'addresses', addresses, ttlSeconds })
  }

  fails(key: string, why = 'answered SERVFAIL'): void {
    this.said.set(key, { kind: 'failure', why })
  }

  /** SRV records, each written as a zone file has it: `priority weight port target`. */
  services(name: string, records: readonly string[], ttlSeconds = 60): void {
    const services = records.map((record) => {
      const [priority, weight, port, target = ''] = record.split(' ')
      return { priority: Number(priority), weight: Number(weight), port: Number(port), target }
    })
    this.said.set(`${name} SRV`, { kind: 'services', services, ttlSeconds })
  }
}
