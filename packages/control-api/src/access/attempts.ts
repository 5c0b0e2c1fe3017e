/** How often an address asked without a valid token, and how long it has to wait for the answer. */
import { isIPv6 } from 'node:net'
import type { Clock } from '../clock.ts'

interface Record {
  failures: number
  waiting: number
  at: number
}

const stepMs = 50
const longestMs = 1000
// An address is forgiven one failure each second.
const forgivenPerMs = 1 / 1000
// So many are answered late before the rest is turned away at once: a waiting answer holds a socket.
const mostFailures = 40
const mostWaiting = 20
// 100 bytes each; the longest silent address is forgotten first.
const mostAddresses = 10_000

/** Failed attempts by address, in bounded memory. */
export class Attempts {
  readonly #clock: Clock
  readonly #records = new Map<string, Record>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts a failure and waits, longer after each. False, at once, where the address has used up its tries. */
  async wait(address: string): Promise<boolean> {
    const record = this.#recordOf(networkOf(address))
    if (record.failures >= mostFailures || record.waiting >= mostWaiting) return false
    record.failures += 1
    record.waiting += 1
    await new Promise<void>((resolve) => this.#clock.setTimer(Math.min(longestMs, stepMs * record.failures), resolve))
    record.waiting -= 1
    return true
  }

  #recordOf(key: string): Record {
    const now = this.#clock.now()
    const record = this.#records.get(key) ?? { failures: 0, waiting: 0, at: now }
    record.failures = Math.max(0, record.failures - Math.max(0, now - record.at) * forgivenPerMs)
    record.at = now
    this.#records.delete(key)
    this.#records.set(key, record)
    if (this.#records.size > mostAddresses) {
      const [oldest] = this.#records.keys()
      this.#records.delete(oldest as string)
    }
    return record
  }
}

/** One customer of a provider has 2^64 IPv6 addresses: they count as one. */
function networkOf(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter((group) => group !== '').length
  return [...groups, ...Array<string>(zeros).fill('0')].slice(0, 4).join(':')
}
