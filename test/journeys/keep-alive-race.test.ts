import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { expect, test } from 'vitest'
import { printFigures } from '../support/figures.ts'
import { inLanes } from '../support/lanes.ts'
import { quietLog } from '../support/quiet-log.ts'

const rounds = 4000

/** How a server may end a connection that it has just answered over: before the next request is on its way, beside it, or when it is here. */
const manners = [
  'with the answer',
  'in the next tick',
  'in the next turn',
  'two turns later',
  'when the next request is here',
  'with a reset',
] as const

/** Answers the first requests of each connection, then closes it around the moment at which the client reuses it. */
class HastyServer implements AsyncDisposable {
  readonly executed: string[] = []
  /** Requests that came over a connection when it was no longer served. */
  unheard = 0
  connections = 0
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer({ noDelay: true }, (socket) => this.#serve(socket))

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #serve(socket: Socket): void {
    const manner = manners[this.connections % manners.length]
    const lastAnswer = 1 + (this.connections++ % 3)
    let answers = 0
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      if (answers === lastAnswer) {
        this.unheard++
        if (manner === 'when the next request is here') socket.end()
        else socket.resetAndDestroy()
        return
      }
      // A request comes in one piece here, and without a body.
      answers++
      this.executed.push(/x-id: (\S+)/.exec(chunk.toString('latin1'))?.[1] as string)
      const end = (): void => void socket.end()
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      if (answers < lastAnswer) return
      if (manner === 'with the answer') end()
      else if (manner === 'in the next tick') process.nextTick(end)
      else if (manner === 'in the next turn') setImmediate(end)
      else if (manner === 'two turns later') setImmediate(() => setImmediate(end))
    })
  }
}

test.each([1, 8])('a server that closes connections as they are reused costs no read and no POST twice, with %i at once', async (lanes) => {
  await using server = new HastyServer()
  await using mesh = createMesh({
    service: 'caller',
    log: quietLog,
    discovery: staticEndpoints({ hasty: [await server.listen()] }),
    // One failure that counted would open the breaker and eject the endpoint; one retry that cost anything could not be paid.
    policy: {
      service: 'hasty',
      retry: { attempts: 1, budget: { ratio: 0, minPerSecond: 0 } },
      breaker: { consecutiveFailures: 1 },
      outlier: { consecutiveFailures: 1 },
    },
  })
  const moves: string[] = []
  mesh.on('breaker', ({ state, reason }) => moves.push(`breaker ${state}: ${reason}`))
  mesh.on('outlier', ({ state, reason }) => moves.push(`outlier ${state}: ${reason}`))
  const fetch = meshFetch(mesh)
  const failed = { GET: [] as string[], POST: [] as string[] }
  await inLanes(rounds, lanes, async (n) => {
    const method = n % 2 === 0 ? 'GET' : 'POST'
    try {
      const response = await fetch('http://hasty/', { method, headers: { 'x-id': `${method}-${n}` } })
      expect(await response.text()).toBe('ok')
    } catch (error) {
      const { cause } = error as Error
      failed[method].push(cause instanceof Error ? cause.message : String(error))
    }
  })
  const posts = server.executed.filter((id) => id.startsWith('POST'))
  printFigures(`keep-alive race, ${rounds} calls, ${lanes} at once`, {
    connections: server.connections,
    'requests lost to the race': server.unheard,
    'reads failed': failed.GET.length,
    'POSTs failed': failed.POST.length,
    'POSTs executed twice': posts.length - new Set(posts).size,
    'moves of breaker or outlier': moves.length,
  })
  expect(failed.GET).toEqual([])
  expect(new Set(posts).size).toBe(posts.length)
  expect(posts.length + failed.POST.length).toBe(rounds / 2)
  expect(moves).toEqual([])
  // The race was run.
  expect(server.unheard).toBeGreaterThan(rounds / 50)
})
