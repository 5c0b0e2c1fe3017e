/** The grammar of an endpoint's address: `host:port`, an IPv6 host in brackets. */
import { isIPv4, isIPv6 } from 'node:net'

const shape = /^(\[[^\]]*\]|[^:[\]]+):(\d{1,5})$/
const label = /^[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?$/
const onlyDigits = /^\d+$/

/** What an address turned out to be. */
export type AddressReading = { readonly address: string } | { readonly problem: string }

/** Reads an address into the one form in which two can be compared: lower case, IPv6 at its shortest. */
export function readAddress(written: string): AddressReading {
  const match = shape.exec(written)
  if (match === null) return { problem: isIPv6(written.replace(/:\d+$/, '')) || isIPv6(written) ? bare : general }
  const [, host = '', port = ''] = match
  const number = Number(port)
  if (number < 1 || number > 65_535 || port.startsWith('0'))
    return { problem: `port ${port} is none; a port is a whole number from 1 to 65535` }
  const canonical = host.startsWith('[') ? readIPv6(host.slice(1, -1)) : readHost(host.toLowerCase())
  return canonical === null ? { problem: `\`${host}\` is neither a host name nor an IP address` } : { address: `${canonical}:${port}` }
}

const general = 'expected `host:port`, such as "10.0.0.1:8080", "[::1]:8080" or "inventory.local:8080"'
const bare = 'an IPv6 host stands in brackets, such as "[::1]:8080"'

function readIPv6(host: string): string | null {
  // A zone such as %eth0 means something on one machine only, and no URL can hold it.
  if (!isIPv6(host) || host.includes('%')) return null
  return new URL(`http://[${host}]`).hostname
}

function readHost(host: string): string | null {
  if (isIPv4(host)) return host
  if (host.length > 253) return null
  const labels = host.split('.')
  // `10.0.0.300` and `10.1` are slips of an IPv4 address, which some resolvers would take for quite another one.
  if (onlyDigits.test(labels.at(-1) ?? '')) return null
  return labels.every((part) => label.test(part)) ? host : null
}
