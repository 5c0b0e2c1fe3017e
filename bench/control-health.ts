/** Asks `/healthz` every 20 ms, from a process that does nothing else, and says what the longest answer took. */
import { Agent, get } from 'node:http'

const everyMs = 20
const agent = new Agent({ keepAlive: true, maxSockets: 100 })
let longestMs = 0
let port = 0

function ask(): void {
  const startedAt = performance.now()
  const request = get({ port, host: '127.0.0.1', path: '/healthz', agent }, (response) => {
    response.resume()
    response.once('end', () => {
      longestMs = Math.max(longestMs, performance.now() - startedAt)
      if (response.statusCode !== 200) throw new Error(`/healthz answered ${response.statusCode}`)
    })
  })
  request.once('error', (error) => {
    throw error
  })
}

process.on('message', (message: { port: number } | 'longest') => {
  if (message === 'longest') {
    process.send?.(longestMs)
    longestMs = 0
    return
  }
  port = message.port
  setInterval(ask, everyMs)
})
process.on('disconnect', () => process.exit())
