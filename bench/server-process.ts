/** A server that a bench calls, in a process of its own which tells what it has cost so far: both ends of that. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type CpuMeter, ownCpu } from './load.ts'

/** What a server says once it listens. */
export interface Listening {
  readonly ports: readonly number[]
}

/** A server, as the bench sees it. */
export interface ServerProcess<Told extends Listening = Listening> {
  readonly told: Told
  readonly cpu: CpuMeter
  stop(): void
}

type Asked = 'start' | 'end'

/** Starts a file of this folder that calls `serveBench`, and tells it of what kind it is to be. */
export async function startServer<Told extends Listening>(file: string, kind: object): Promise<ServerProcess<Told>> {
  const child = fork(new URL(file, import.meta.url))
  const next = async <T>(send: object | Asked): Promise<T> => {
    child.send(send)
    return ((await once(child, 'message')) as [T])[0]
  }
  const told = await next<Told>(kind)
  return { told, cpu: { atStart: () => next('start'), atEnd: () => next('end') }, stop: () => child.disconnect() }
}

/** The other end: listens as it is told to, and answers with what it has spent before and after each round, until the bench is over. */
export async function serveBench<Kind>(listen: (kind: Kind) => Promise<Listening>): Promise<void> {
  const [kind] = (await once(process, 'message')) as [Kind]
  process.once('disconnect', () => process.exit(0))
  process.on('message', (asked: Asked) => process.send?.(asked === 'start' ? ownCpu.atStart() : ownCpu.atEnd()))
  process.send?.(await listen(kind))
}
