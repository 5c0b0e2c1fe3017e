import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ConsulClient, type ConsulQuestion } from './consul-client.ts'

const servers: Server[] = []
let client: ConsulClient | null = null

afterEach(() => {
  client?.close()
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

async function agent(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(address: string | string[], token?: string | (() => string)): ConsulClient {
  client = new ConsulClient({ address, ...(token === undefined ? {} : { token }) })
  return client
}

function health(rest: Partial<ConsulQuestion> = {}): ConsulQuestion {
  const send: ConsulQuestion['send'] = (consul, common) => consul.health.service({ service: 'a/../ü', ...common })
  return { send, limitMs: 5000, signal: new AbortController().signal, ...rest }
}

const list: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': '7' }).end('[]')
}

test('an answer comes with its head, and names keep to their place in the path', async () => {
  let asked: string | undefined
  const address = await agent((request, response) => {
    asked = `${request.url} ${request.headers['x-consul-token']}`
    list(request, response)
  })
  const answer = await open(address, () => 'secret').ask(health())
  expect([answer.body, answer.headers['x-consul-index'], answer.address]).toEqual([[], '7', address])
  expect(asked).toBe('/v1/health/service/a%2F..%2F%C3%BC secret')
})

test('of several agents the next one is asked after a failure, and stays', async () => {
  const bad = await agent((_request, response) => void response.writeHead(500).end('rpc error: no cluster leader'))
  const good = await agent(list)
  const consul = open([bad, good])
  await expect(consul.ask(health())).rejects.toThrow(`${bad}: the answer is 500`)
  expect((await consul.ask(health())).address).toBe(good)
  expect((await consul.ask(health())).address).toBe(good)
})

test('an answer that is cut off is a failure at once', async () => {
  const address = await agent((_request, response) => {
    response.writeHead(200, { 'content-length': '1000', 'content-type': 'application/json' })
    response.write('[{', () => response.destroy())
  })
  await expect(open(address).ask(health())).rejects.toThrow('the answer was cut off')
})

test('an answer without end is left when it is larger than 64 MiB', async () => {
  const piece = Buffer.alloc(1_048_576, 32)
  const address = await agent((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
    }
    response.on('drain', more)
    more()
  })
  await expect(open(address).ask(health())).rejects.toThrow('the answer is larger than 64 MiB')
})

test('an agent that says nothing is left when the time is over, or when the asker gives up', async () => {
  const address = await agent(() => {})
  const consul = open(address)
  await expect(consul.ask(health({ limitMs: 50 }))).rejects.toThrow('no whole answer within 50 ms')
  const stop = new AbortController()
  const asked = consul.ask(health({ signal: stop.signal }))
  stop.abort(new Error('given up'))
  await expect(asked).rejects.toThrow('given up')
})

test('what is no JSON is a failure, and no message shows the token', async () => {
  const garbage = await agent((_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"a'))
  await expect(open(garbage).ask(health())).rejects.toThrow(/decode \(application\/json\) failed/)
  const refuses = await agent((request, response) => void response.writeHead(403).end(`no rights for ${request.headers['x-consul-token']}`))
  await expect(open(refuses, 'secret').ask(health())).rejects.toThrow(`${refuses}: the answer is 403: no rights for ***`)
})

test('a function for the token that fails is told without what it said', async () => {
  const throws = (): string => {
    throw new Error('secret')
  }
  await expect(open('http://127.0.0.1:9', throws).ask(health())).rejects.toThrow('the function given as `token` returned no token')
})
