/** Asks `/healthz` every 20 ms, from a process that does nothing else, and says what the longest answer took. */
import { Agent, get, type IncomingMessage } from 'node:http'
import { get as getSecurely, Agent as SecureAgent } from 'node:https'

const everyMs = 20
const kept = { keepAlive: true, maxSockets: 100 }
const agent = new Agent(kept)
let secureAgent: SecureAgent | null = null
let longestMs = 0
let port = 0

function ask(): void {
  const startedAt = performance.now()
  const asked = { port, host: '127.0.0.1', path: '/healthz' }
  const answered = (response: IncomingMessage): void => {
    response.resume()
    response.once('end', () => {
      longestMs = Math.max(longestMs, performance.now() - startedAt)
      if (response.statusCode !== 200) throw new Error(`/healthz answered ${response.statusCode}`)
    })
  }
  const request = secureAgent === null ? get({ ...asked, agent }, answered) : getSecurely({ ...asked, agent: secureAgent }, answered)
  request.once('error', (error) => {
    throw error
  })
}

process.on('message', (message: { port: number; ca: string | null } | 'longest') => {
  if (message === 'longest') {
    process.send?.(longestMs)
    longestMs = 0
    return
  }
  port = message.port
  if (message.ca !== null) secureAgent = new SecureAgent({ ...kept, ca: message.ca })
  setInterval(ask, everyMs)
})
process.on('disconnect', () => process.exit())
