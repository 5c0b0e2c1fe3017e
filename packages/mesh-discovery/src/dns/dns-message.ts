/** One question to a DNS server and its answer, as bytes: written, and read with every doubt. */
import { isIPv4, isIPv6 } from 'node:net'
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet'

/** What can be asked for. */
export type DnsType = 'A' | 'AAAA' | 'SRV'

/** What a server is asked. */
export interface Question {
  /** In lower case, without a dot at its end. */
  readonly name: string
  readonly type: DnsType
}

/** One SRV record. */
export interface SrvRecord {
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** In lower case, without a dot at its end; '' where the service is decidedly not offered. */
  readonly target: string
}

/** What a server said. */
export type DnsAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlSeconds: number }
  | { readonly kind: 'services'; readonly services: readonly SrvRecord[]; readonly ttlSeconds: number }
  /** The name is an alias, and what it stands for must be asked for separately. */
  | { readonly kind: 'alias'; readonly target: string; readonly ttlSeconds: number }
  /** The name does not exist (NXDOMAIN), or has no record of this type (NODATA). */
  | { readonly kind: 'none'; readonly why: 'NXDOMAIN' | 'NODATA'; readonly ttlSeconds: number }
  | { readonly kind: 'truncated' }
  /** The server did not do as asked: SERVFAIL, REFUSED, a referral to others. */
  | { readonly kind: 'failure'; readonly why: string }

// 1232 fits into every IPv6 path's smallest packet: larger datagrams arrive in fragments, which get lost and can be forged.
const udpPayloadSize = 1232
const mostAliases = 8
// RFC 2308 gives a negative answer no lifetime where it carries no SOA.
const negativeTtlSeconds = 5

/** The datagram that asks. */
export function encodeQuestion({ name, type }: Question, id: number): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
  })
}

/** Reads what came back; null where it is no answer to this question: forged, late, or garbage. Never throws. */
export function readAnswer(bytes: Buffer, question: Question, id: number): DnsAnswer | null {
  let packet: Packet
  try {
    packet = decode(bytes)
  } catch {
    return null
  }
  if (packet.id !== id || packet.type !== 'response') return null
  // `decode` says more of a packet than its type does.
  const { rcode = '', flag_tc: isTruncated = false } = packet as Packet & { rcode?: string; flag_tc?: boolean }
  const asked = packet.questions?.[0]
  if (asked === undefined) {
    // A server that cannot read the question cannot repeat it either.
    return rcode === 'NOERROR' ? null : { kind: 'failure', why: `answered ${rcode}` }
  }
  if (packet.questions?.length !== 1 || plain(asked.name) !== question.name || asked.type !== question.type || asked.class !== 'IN')
    return null
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return { kind: 'failure', why: `answered ${rcode}` }
  if (isTruncated) return { kind: 'truncated' }
  return interpret(packet, question, rcode)
}

function interpret(packet: Packet, question: Question, rcode: string): DnsAnswer {
  const answers = packet.answers ?? []
  const { owner, ttlSeconds: aliasTtl } = followAliases(answers, question.name)
  const records = answers.filter((record) => record.type === question.type && plain(record.name) === owner)
  if (records.length > 0) return recordsOf(records, question.type, aliasTtl)
  if (rcode === 'NXDOMAIN') return { kind: 'none', why: 'NXDOMAIN', ttlSeconds: Math.min(aliasTtl, negativeTtl(packet)) }
  if (owner !== question.name) return { kind: 'alias', target: owner, ttlSeconds: aliasTtl }
  const authorities = packet.authorities ?? []
  // Neither an answer nor the word that there is none: the server only names others who may know.
  if (authorities.some(({ type }) => type === 'NS') && !authorities.some(({ type }) => type === 'SOA')) {
    return {
      kind: 'failure',
      why: 'refers to other servers instead of answering; a recursive resolver is needed, or the server of the zone itself',
    }
  }
  return { kind: 'none', why: 'NODATA', ttlSeconds: negativeTtl(packet) }
}

function followAliases(answers: readonly Answer[], name: string): { owner: string; ttlSeconds: number } {
  let owner = name
  let ttlSeconds = Number.POSITIVE_INFINITY
  for (let step = 0; step < mostAliases; step++) {
    const alias = answers.find((record) => record.type === 'CNAME' && plain(record.name) === owner)
    if (alias?.type !== 'CNAME') break
    owner = plain(alias.data)
    ttlSeconds = Math.min(ttlSeconds, ttlOf(alias))
  }
  return { owner, ttlSeconds }
}

function recordsOf(records: readonly Answer[], type: DnsType, aliasTtl: number): DnsAnswer {
  const ttlSeconds = Math.min(aliasTtl, ...records.map(ttlOf))
  if (type === 'SRV') {
    const services = records.flatMap((record) => {
      if (record.type !== 'SRV') return []
      const { priority = 0, weight = 0, port, target } = record.data
      return [{ priority, weight, port, target: plain(target) }]
    })
    return { kind: 'services', services, ttlSeconds }
  }
  const isAddress = type === 'A' ? isIPv4 : isIPv6
  const addresses = records.flatMap((record) =>
    (record.type === 'A' || record.type === 'AAAA') && isAddress(record.data) ? [record.data] : [],
  )
  return { kind: 'addresses', addresses: [...new Set(addresses)], ttlSeconds }
}

// RFC 2308: the shorter of the SOA's own lifetime and the one that it sets for what does not exist.
function negativeTtl(packet: Packet): number {
  for (const record of packet.authorities ?? []) {
    if (record.type === 'SOA') return Math.min(ttlOf(record), record.data.minimum ?? 0)
  }
  return negativeTtlSeconds
}

// RFC 2181: a lifetime whose first bit is set counts as 0.
function ttlOf(record: Answer): number {
  const ttl = 'ttl' in record ? (record.ttl ?? 0) : 0
  return ttl > 0x7fff_ffff ? 0 : ttl
}

function plain(name: string): string {
  const lower = name.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}
