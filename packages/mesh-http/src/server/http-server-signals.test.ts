import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

// A service that would live for ever, were it not for signals: its timer keeps the process up.
const program = (more: string): string => `
  import { createMesh } from '@zerohop/mesh-core'
  import { serveHttp } from ${JSON.stringify(new URL('http-server.ts', import.meta.url).href)}
  const mesh = createMesh({ service: 'cart' })
  const app = (request, response) => {
    process.send('serving')
    process.once('message', () => response.end('whole'))
  }
  const server = await serveHttp(mesh, app, { port: 0, host: '127.0.0.1' })
  const other = await serveHttp(mesh, app, { port: 0, host: '127.0.0.1' })
  setInterval(() => {}, 1000)
  ${more}
  process.send({ address: server.address, listeners: process.listenerCount('SIGTERM') })
`

async function start(more = ''): Promise<{ child: ChildProcess; address: string; listeners: number }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(more)], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  children.push(child)
  const [ready] = (await once(child, 'message')) as [{ address: string; listeners: number }]
  return { child, ...ready }
}

async function requestUnderWay(child: ChildProcess, address: string): Promise<{ answer: Promise<string>; failure: Promise<Error> }> {
  const asking = get(`http://${address}/`, { agent: false })
  const failure = once(asking, 'error').then(([error]) => error as Error)
  failure.catch(() => {})
  const answer = once(asking, 'response').then(([response]) => text(response as IncomingMessage))
  answer.catch(() => {})
  await once(child, 'message')
  return { answer, failure }
}

describe('a signal', () => {
  it('lets the request under way end, then the process; with one listener for all servers', async () => {
    const { child, address, listeners } = await start()
    expect(listeners).toBe(1)
    const { answer } = await requestUnderWay(child, address)
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    child.send('go on')
    expect(await answer).toBe('whole')
    expect(await exit).toEqual([0, null])
  })

  it('that comes again ends the process at once', async () => {
    const { child, address } = await start()
    const { failure } = await requestUnderWay(child, address)
    const exit = once(child, 'exit')
    child.kill('SIGINT')
    child.kill('SIGTERM')
    expect((await exit)[0]).toBe(1)
    expect(await failure).toMatchObject({ code: 'ECONNRESET' })
  })

  it('to which the program listens itself drains, and leaves the end to the program', async () => {
    const { child } = await start(`process.on('SIGTERM', () => setTimeout(() => process.exit(7), 200))`)
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exit).toEqual([7, null])
  })

  it('finds no listener once all servers are closed', async () => {
    const { child, listeners } = await start(`await Promise.all([server.close(), other.close()])`)
    expect(listeners).toBe(0)
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exit).toEqual([null, 'SIGTERM'])
  })
})
