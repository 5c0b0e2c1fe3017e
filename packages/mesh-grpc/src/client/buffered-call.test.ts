import { Call } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { BufferedCall, type MessageSink, mostKeptBytes } from './buffered-call.ts'
import { mostKeptTogetherBytes, ReplayRoom } from './replay-room.ts'

/** A wire that takes a message when it is told to. */
class Sink implements MessageSink {
  readonly got: string[] = []
  ended = 0
  #written: (() => void) | null = null

  writeMessage(message: Buffer, _flags: number | undefined, written: () => void): void {
    expect(this.#written).toBeNull()
    this.got.push(message.length > 20 ? String(message.length) : String(message))
    this.#written = written
  }

  endMessages(): void {
    this.ended++
  }

  take(): void {
    const written = this.#written
    this.#written = null
    written?.()
  }

  takeAll(): void {
    while (this.#written !== null) this.take()
  }
}

function newCall(): Call {
  return new Call({ service: 'a', method: 'B', path: '/a/B', kind: 'stream', message: null, replayable: true, idempotent: true })
}

function pushed(buffered: BufferedCall, ...messages: (string | Buffer)[]): string[] {
  const written: string[] = []
  for (const message of messages) {
    const name = typeof message === 'string' ? message : String(message.length)
    buffered.push(Buffer.from(message), undefined, () => written.push(name))
  }
  return written
}

describe('messages', () => {
  test('go to the wire one at a time, each when the one before was taken', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    buffered.open(newCall(), sink)
    const written = pushed(buffered, 'a', 'b')
    expect([sink.got, written]).toEqual([['a'], []])
    sink.take()
    expect([sink.got, written]).toEqual([['a', 'b'], ['a']])
    sink.take()
    buffered.end()
    expect([sink.got, written, sink.ended]).toEqual([['a', 'b'], ['a', 'b'], 1])
  })

  test('of a request that is complete bring their end with the last one', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    pushed(buffered, 'only')
    buffered.end()
    buffered.open(newCall(), sink)
    expect([sink.got, sink.ended]).toEqual([['only'], 1])
    sink.take()
    expect(sink.ended).toBe(1)
  })

  test('of a request without any are nothing but an end', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    buffered.end()
    buffered.open(newCall(), sink)
    expect([sink.got, sink.ended]).toEqual([[], 1])
  })
})

describe('a further attempt', () => {
  test('gets all messages from the first one on, and the program hears of each once', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const [first, second] = [new Sink(), new Sink()]
    const call = newCall()
    buffered.open(call, first)
    const written = pushed(buffered, 'a', 'b', 'c')
    first.take()
    buffered.stop(first)
    buffered.open(call, second)
    second.takeAll()
    buffered.end()
    expect([first.got, second.got, second.ended, written]).toEqual([['a', 'b'], ['a', 'b', 'c'], 1, ['a', 'b', 'c']])
  })

  test('is not disturbed by what the one before still hears', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const [first, second] = [new Sink(), new Sink()]
    const call = newCall()
    buffered.open(call, first)
    const written = pushed(buffered, 'a', 'b')
    buffered.stop(first)
    buffered.open(call, second)
    first.take()
    expect([first.got, second.got, written]).toEqual([['a'], ['a'], ['a']])
    second.takeAll()
    expect([second.got, written]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
  })

  test('is possible until more than a mebibyte was taken', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    const call = newCall()
    buffered.open(call, sink)
    pushed(buffered, Buffer.alloc(mostKeptBytes - 200))
    sink.take()
    expect(call.replayable).toBe(true)
    pushed(buffered, Buffer.alloc(300))
    // On its way, and not taken: the wire may still say that it never left.
    expect(call.replayable).toBe(true)
    sink.take()
    expect(call.replayable).toBe(false)
  })

  test('is possible for a message of any size that no wire has taken', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const [first, second] = [new Sink(), new Sink()]
    const call = newCall()
    buffered.open(call, first)
    pushed(buffered, Buffer.alloc(3 * mostKeptBytes))
    buffered.stop(first)
    expect(call.replayable).toBe(true)
    buffered.open(call, second)
    expect(second.got).toEqual([String(3 * mostKeptBytes)])
  })

  test('is impossible after ever so many empty messages: they are not kept without bound', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    const call = newCall()
    buffered.open(call, sink)
    for (let n = 0; n < 20_000; n++) buffered.push(Buffer.alloc(0), undefined, null)
    sink.takeAll()
    expect(call.replayable).toBe(false)
  })
})

describe('calls to one service', () => {
  /** A call of which a wire has taken `bytes`. */
  function taken(room: ReplayRoom, bytes: number) {
    const buffered = new BufferedCall(room)
    const [sink, call] = [new Sink(), newCall()]
    buffered.open(call, sink)
    pushed(buffered, Buffer.alloc(bytes))
    sink.take()
    return { buffered, call, sink }
  }

  test('keep no more than 16 MiB together; those beyond are not sent again, and keep nothing', () => {
    const room = new ReplayRoom()
    const half = mostKeptBytes / 2
    const calls = Array.from({ length: 31 }, () => taken(room, half))
    expect(room.keptBytes).toBeLessThan(mostKeptTogetherBytes)
    const beyond = taken(room, half)
    expect([calls.every(({ call }) => call.replayable), beyond.call.replayable]).toEqual([true, false])
    expect(room.keptBytes).toBe(31 * (half + 64))
    calls[0]?.buffered.close()
    expect(taken(room, half).call.replayable).toBe(true)
  })

  test('give back what they kept when they are committed, when they are sent again, and when they are over', () => {
    const room = new ReplayRoom()
    const [first, second, third] = [taken(room, 1000), taken(room, 1000), taken(room, 1000)]
    expect(room.keptBytes).toBe(3 * 1064)
    first.buffered.commit()
    second.buffered.close()
    third.buffered.stop(third.sink)
    const again = new Sink()
    third.buffered.open(third.call, again)
    expect(room.keptBytes).toBe(0)
    again.take()
    third.buffered.stop(again)
    third.buffered.commit()
    third.buffered.close()
    pushed(first.buffered, Buffer.alloc(500))
    first.sink.take()
    first.buffered.close()
    expect(room.keptBytes).toBe(0)
  })
})

describe('a call that is over', () => {
  test('lets go of whoever waits to write', async () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    buffered.open(newCall(), sink)
    const written = pushed(buffered, 'a', 'b')
    buffered.close()
    await Promise.resolve()
    await new Promise((resolve) => process.nextTick(resolve))
    expect(written).toEqual(['a', 'b'])
    const late = pushed(buffered, 'c')
    await new Promise((resolve) => process.nextTick(resolve))
    expect([late, sink.got]).toEqual([['c'], ['a']])
    // The wire took the message that was under way after all: whoever waited for it has been let go, once.
    sink.take()
    expect(written).toEqual(['a', 'b'])
  })

  test('and was committed goes on sending, and keeps nothing', () => {
    const buffered = new BufferedCall(new ReplayRoom())
    const sink = new Sink()
    const call = newCall()
    buffered.open(call, sink)
    pushed(buffered, 'a', 'b')
    sink.take()
    buffered.commit()
    pushed(buffered, 'c')
    sink.takeAll()
    buffered.end()
    expect([sink.got, sink.ended]).toEqual([['a', 'b', 'c'], 1])
  })
})
