/** The address at which others reach a server, from the one on which it listens. */
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

const allAddresses = new Set(['0.0.0.0', '[::]'])

/**
 * `host:port` as callers should use it.
 * @param advertise what the program said: a host, `host:port`, or '' for nothing
 * @param listening `host:port`, an IPv6 host in brackets
 */
export function advertisedAddress(advertise: string, listening: string): string {
  const colon = listening.lastIndexOf(':')
  const port = listening.slice(colon)
  if (advertise !== '') return /(^[^:]+|\]):\d+$/.test(advertise) ? advertise : advertise + port
  const host = listening.slice(0, colon)
  return (allAddresses.has(host) ? reachable() : host) + port
}

/** The first address of this machine that others can use: IPv4 where there is one, loopback where there is no other. */
function reachable(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // A link-local address means something with a zone only, which no URL can hold.
    .filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith('fe80:') && !address.startsWith('169.254.'))
    .map(({ address }) => address)
  const address = found.find((candidate) => !isIPv6(candidate)) ?? found[0] ?? '127.0.0.1'
  return isIPv6(address) ? `[${address}]` : address
}
