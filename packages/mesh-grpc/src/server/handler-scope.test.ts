import { AsyncLocalStorage } from 'node:async_hooks'
import { Metadata } from '@grpc/grpc-js'
import { fakeClock } from '@zerohop/mesh-core/testing'
import { TimerWheel } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { HandlerScope } from './handler-scope.ts'

const context = new AsyncLocalStorage<string>()

/** A scope that was made under 'call', and who heard what in which context. */
function scoped() {
  const heard: string[] = []
  const note = (what: string) => () => void heard.push(`${what} under ${context.getStore() ?? 'nothing'}`)
  const handler = {
    onReceiveMetadata: note('metadata'),
    onReceiveMessage: note('message'),
    onReceiveHalfClose: note('half close'),
    onCancel: note('cancel'),
  }
  const scope = context.run(
    'call',
    () => new HandlerScope({ endTold: () => void heard.push('end'), requestOverdue: () => void heard.push('overdue') }, handler),
  )
  return { scope, heard }
}

test('the handler hears of everything in the context in which it began', () => {
  const { scope, heard } = scoped()
  context.run('connection', () => {
    scope.onReceiveMetadata(new Metadata())
    scope.onReceiveMessage('a')
    scope.onReceiveHalfClose()
    scope.onCancel()
  })
  expect(heard).toEqual(['metadata under call', 'message under call', 'half close under call', 'end', 'cancel under call'])
})

test('what the caller sent before it left still comes while the stream is open, and nothing afterwards', () => {
  const { scope, heard } = scoped()
  scope.onCancel()
  scope.onReceiveHalfClose()
  scope.closed()
  scope.onReceiveMessage('late')
  scope.onCancel()
  expect(heard).toEqual(['end', 'cancel under call', 'half close under call'])
})

test('a stream that closes before its end is told holds the call until then', () => {
  const { scope, heard } = scoped()
  scope.closed()
  scope.onCancel()
  scope.onReceiveMessage('late')
  expect(heard).toEqual(['end', 'cancel under call'])
})

test('what a handler throws reaches whoever told it', () => {
  const scope = new HandlerScope(
    { endTold: () => {}, requestOverdue: () => {} },
    {
      onReceiveMetadata: () => {
        throw new Error('no')
      },
      onReceiveMessage: () => {},
      onReceiveHalfClose: () => {},
      onCancel: () => {},
    },
  )
  expect(() => scope.onReceiveMetadata(new Metadata())).toThrow('no')
})

test('a request of one message that does not come is overdue after five minutes; one that is here, or whose stream has closed, never is', async () => {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const [silent, whole, gone] = [scoped(), scoped(), scoped()]
  for (const { scope } of [silent, whole, gone]) scope.awaitRequest(wheel, clock.now())
  whole.scope.onReceiveMessage('a')
  whole.scope.onReceiveHalfClose()
  gone.scope.closed()
  await clock.advance(299_999)
  expect(silent.heard).toEqual([])
  await clock.advance(2000)
  expect([silent.heard, whole.heard, gone.heard]).toEqual([['overdue'], ['message under call', 'half close under call'], []])
  expect(wheel.armed).toBe(0)
})
