import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { MemoryNetwork } from './memory-network.ts'

const address = '10.0.0.1:80'
const never = new AbortController().signal

describe('a network without sockets, delivering requests', () => {
  it('hands a request to the handler at its address, and refuses where there is none', async () => {
    const network = new MemoryNetwork()
    const stop = network.answer(address, async (request) => `got ${request}`)
    expect(await network.deliver(address, 'a', never)).toBe('got a')
    expect(network.isWire(address)).toBe(false)
    expect([network.isUp(address), network.isUp('10.0.0.2:80')]).toEqual([true, false])
    await expect(network.deliver('10.0.0.2:80', 'a', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(() => network.answer(address, () => 1)).toThrow('is taken')
    stop()
    await expect(network.deliver(address, 'a', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('finishes what is under way when an instance stops, and cuts it when it dies', async () => {
    const network = new MemoryNetwork()
    const held = Promise.withResolvers<string>()
    network.answer(address, () => held.promise)
    const [finished, cut] = [network.deliver(address, 1, never), network.deliver(address, 2, never)]
    network.stop(address)
    expect(network.isUp(address)).toBe(false)
    await expect(network.deliver(address, 3, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    held.resolve('done')
    expect(await finished).toBe('done')
    await cut

    network.start(address)
    const hanging = Promise.withResolvers<never>()
    const other = '10.0.0.2:80'
    network.answer(other, () => hanging.promise)
    const lost = network.deliver(other, 4, never)
    network.kill(other)
    await expect(lost).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(network.deliver(other, 5, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    network.start(other)
    expect(await network.deliver(address, 6, never)).toBe('done')
  })

  it('lets go of a request that nobody waits for any more', async () => {
    const network = new MemoryNetwork()
    let seen: AbortSignal | null = null
    network.answer(address, (_, signal) => {
      seen = signal
      return new Promise(() => {})
    })
    const controller = new AbortController()
    const delivered = network.deliver(address, 1, controller.signal)
    controller.abort(new Error('gone'))
    await expect(delivered).rejects.toThrow('gone')
    expect((seen as AbortSignal | null)?.aborted).toBe(true)
  })
})

describe('a network without sockets, carrying byte streams', () => {
  async function pair(network: MemoryNetwork): Promise<[client: Duplex, server: Duplex]> {
    const accepted = Promise.withResolvers<Duplex>()
    network.listen(address, accepted.resolve)
    return [network.connect(address), await accepted.promise]
  }

  // Unlike an iteration, leaves the stream open for writing.
  async function read(stream: Duplex): Promise<string> {
    let read = ''
    stream.on('data', (chunk) => {
      read += chunk
    })
    await once(stream, 'end')
    return read
  }

  it('carries bytes both ways, to an orderly end', async () => {
    const network = new MemoryNetwork()
    const [client, server] = await pair(network)
    expect(network.isWire(address)).toBe(true)
    client.end('question')
    expect(await read(server)).toBe('question')
    server.end('answer')
    expect(await read(client)).toBe('answer')
  })

  it('resets the other end when one is destroyed', async () => {
    const network = new MemoryNetwork()
    const [client, server] = await pair(network)
    const failed = once(server, 'error')
    client.on('error', () => {})
    client.destroy()
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' })
    expect(server.destroyed).toBe(true)
  })

  it('lets the other end read what was sent before an orderly end, and closes it then', async () => {
    const network = new MemoryNetwork()
    const [client, server] = await pair(network)
    // As node:http ends a connection: closed once everything has gone.
    server.end('bye')
    server.once('finish', () => server.destroy())
    const closed = once(client, 'close')
    expect(await read(client)).toBe('bye')
    await closed
    expect(client.errored).toBeNull()
  })

  it('cuts the streams of an instance that dies, and takes no new ones until it is back', async () => {
    const network = new MemoryNetwork()
    const [client, server] = await pair(network)
    const failed = once(client, 'error')
    server.on('error', () => {})
    network.kill(address)
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' })
    expect(server.destroyed).toBe(true)
    expect(() => network.connect(address)).toThrow('nobody listens')
    network.start(address)
    expect(network.connect(address).destroyed).toBe(false)
  })
})
