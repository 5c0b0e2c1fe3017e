/** Holds as many connections to a control API as it is told to, each with a poll parked on it. */
import { connect, type Socket } from 'node:net'
import { inLanes } from '../lanes.ts'
import { answers, settingsOf, tell } from './with-parent.ts'

/** Who is asked, how often. */
export interface ParkedSettings {
  readonly port: number
  readonly token: string
  readonly service: string
  readonly uses: string
  readonly from: number
  readonly count: number
  /** Addresses of this machine to connect to; each has its own ports. */
  readonly hosts: readonly string[]
}

/** What became of the connections. */
export interface ParkedSeen {
  readonly open: number
  /** Connections over which a second document came: the first poll is answered at once, the next when something has changed. */
  readonly changed: number
  /** Connections that ended before anything was answered. */
  readonly turnedAway: number
}

const abreast = 50
const settings = settingsOf<ParkedSettings>()
const { port, token, service, uses, from, count, hosts } = settings
const open = new Set<Socket>()
let changed = 0
let turnedAway = 0

/** Resolves when a poll is parked, or the connection has ended. */
function park(n: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: hosts[n % hosts.length] as string })
    const ask = (after: string): void => {
      const query = `instance=parked-${from + n}&schema=1&wait=5m&uses=${uses}${after}`
      socket.write(`GET /v1/documents/${service}?${query} HTTP/1.1\r\nhost: control\r\nauthorization: Bearer ${token}\r\n\r\n`, () =>
        resolve(),
      )
    }
    let documents = 0
    let text = ''
    socket.on('error', () => {})
    socket.once('connect', () => {
      open.add(socket)
      ask('')
    })
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const version = /^HTTP\/1.1 200 .*"version":"([^"]+)".*}$/s.exec(text)?.[1]
      if (version === undefined) return
      text = ''
      documents++
      if (documents === 2) changed++
      ask(`&after=${version}`)
    })
    socket.once('close', () => {
      open.delete(socket)
      if (documents === 0) turnedAway++
      resolve()
    })
  })
}

answers('seen', () => ({ open: open.size, changed, turnedAway }) satisfies ParkedSeen)
await inLanes(count, abreast, park)
await tell('up')
