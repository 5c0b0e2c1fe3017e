/** Whether a host is this machine alone. */

/** @param host a name or an address, of IPv6 with or without the brackets of a URL */
export function isLoopback(host: string): boolean {
  return /^(127\..*|::1|\[::1\]|localhost)$/.test(host)
}
