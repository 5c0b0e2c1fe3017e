/** Whence a connection came, as logs and counts name it. */

/** The address at the other end of a socket, without its port; '' where there is none, as in a test. */
export function callerAddress(socket: object): string {
  const { remoteAddress = '' } = socket as { remoteAddress?: string }
  // An IPv4 caller of a socket that takes both kinds has its address written as IPv6.
  return remoteAddress.replace(/^::ffff:(?=\d+\.)/, '')
}
