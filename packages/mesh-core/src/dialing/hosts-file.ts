/** Reads the table of host names that a machine keeps in a file. */
import { isIP } from 'node:net'

/** Addresses by name, in lower case; what is no entry is passed over, as everywhere. */
export function readHostsFile(text: string): ReadonlyMap<string, readonly string[]> {
  const table = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const known = table.get(name.toLowerCase())
      if (known === undefined) table.set(name.toLowerCase(), [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return table
}
