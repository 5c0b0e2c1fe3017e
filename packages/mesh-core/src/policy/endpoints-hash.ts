/** The hash by which both sides of a poll know that they hold the same list of endpoints. */
import { createHash } from 'node:crypto'
import type { EndpointRecord } from './exchange.ts'

const modulus = 1n << 64n

/** The part of one endpoint in the hash of its list. */
export function endpointHash({ address, labels, zone, weight }: EndpointRecord): bigint {
  const ordered = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))
  const text = JSON.stringify([address, ordered, zone, weight])
  return createHash('sha256').update(text).digest().readBigUInt64BE(0)
}

/**
 * The hash of a list: the sum, modulo 2^64, of its endpoints' own hashes. A sum, so that a change of one endpoint costs one hash and not
 * the list's, and so that order does not matter.
 */
export class EndpointsHash {
  #sum = 0n

  add(part: bigint): void {
    this.#sum = (this.#sum + part) % modulus
  }

  remove(part: bigint): void {
    this.#sum = (this.#sum - part + modulus) % modulus
  }

  /** 16 hex digits; all zero for an empty list. */
  get text(): string {
    return this.#sum.toString(16).padStart(16, '0')
  }
}

/** The hash of a whole list. */
export function hashOfEndpoints(endpoints: Iterable<EndpointRecord>): string {
  const hash = new EndpointsHash()
  for (const endpoint of endpoints) hash.add(endpointHash(endpoint))
  return hash.text
}
