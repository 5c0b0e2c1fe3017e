/** Reads resolv.conf, in which a machine is told where its DNS servers are. */
import { isIP } from 'node:net'
import type { ResolverSettings } from './resolver.ts'

// What the C library has: more servers would not be asked by any other program of this machine either.
const mostServers = 3
const dnsPort = 53

/** What the file says; `problems` are lines that were passed over, each with its number. */
export interface ResolvConf extends ResolverSettings {
  readonly problems: readonly string[]
}

/** Reads its text. Without a usable server in it, the one on this machine is meant, as for every other program. */
export function readResolvConf(text: string): ResolvConf {
  const servers: { host: string; port: number }[] = []
  const problems: string[] = []
  let timeoutMs = 2000
  let rounds = 2
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [keyword = '', ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver') {
      const [host = ''] = values
      if (isIP(host) === 0) problems.push(`line ${index + 1}: nameserver: ${JSON.stringify(host.slice(0, 80))} is no IP address`)
      else if (servers.length < mostServers) servers.push({ host, port: dnsPort })
    } else if (keyword === 'options') {
      for (const option of values) {
        const [, name, digits] = /^(timeout|attempts):(\d{1,4})$/.exec(option) ?? []
        // The C library's own bounds.
        if (name === 'timeout') timeoutMs = Math.min(Math.max(Number(digits), 1), 30) * 1000
        if (name === 'attempts') rounds = Math.min(Math.max(Number(digits), 1), 5)
      }
    }
  }
  if (servers.length === 0) servers.push({ host: '127.0.0.1', port: dnsPort })
  return { servers, timeoutMs, rounds, problems }
}
