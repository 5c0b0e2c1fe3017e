/** The face for tests of HTTP: scripted answers, and services that give them over real HTTP without a port. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestWire } from '@zerohop/mesh-core/testing'
import { type BodyStep, ScriptedReply } from './reply.ts'

export { type BodyStep, type ReplyHeadersInit, type ReplyMaker, reply, type ScriptedReply } from './reply.ts'

/** Fidelity `wire` of `testMesh`: the mesh's own client and node's own server, over byte streams within the process, in real time. */
export const httpWire: TestWire = {
  serve: (answer) => {
    const server = createServer((request, response) => {
      // A handler that throws is a service that crashes: the caller finds its connection cut.
      play(answer, request, response).catch(() => request.socket.destroy())
    })
    const sockets = new Set<{ destroy(): void }>()
    return {
      accept: (socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        server.emit('connection', socket)
      },
      close: () => {
        for (const socket of sockets) socket.destroy()
      },
    }
  },
}

async function play(answer: (request: unknown) => unknown, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const scripted = await answer(webRequest(request, response))
  if (scripted instanceof Response) return playResponse(scripted, response)
  if (!(scripted instanceof ScriptedReply)) throw new TypeError('a scripted service answers with reply(…) or a Response')
  if (scripted.delayMs > 0) await sleep(scripted.delayMs)
  if (scripted.ending === 'never') return
  if (scripted.ending === 'broken-head') {
    request.socket.destroy()
    return
  }
  response.writeHead(scripted.status, scripted.headers.flat())
  await playSteps(scripted.steps, response)
  if (scripted.ending === 'whole') response.end()
  // Only once the bytes have gone: what was sent before the cut is part of the script.
  else response.write('', () => request.socket.destroy())
}

async function playSteps(steps: readonly BodyStep[], response: ServerResponse): Promise<void> {
  for (const step of steps) {
    if (typeof step === 'number') await sleep(step)
    else if (!response.write(step)) await drained(response)
    if (response.destroyed) return
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go)
      resolve()
    }
    response.on('drain', go).on('close', go)
  })
}

async function playResponse(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, [...answer.headers].flat())
  for await (const chunk of answer.body ?? []) {
    if (!response.write(chunk)) await drained(response)
    if (response.destroyed) return
  }
  response.end()
}

function webRequest(request: IncomingMessage, response: ServerResponse): Request {
  const headers = new Headers()
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    headers.append(request.rawHeaders[at] as string, request.rawHeaders[at + 1] as string)
  }
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const method = request.method as string
  const init: RequestInit & { duplex: 'half' } = { method, headers, signal: gone.signal, duplex: 'half' }
  if (method !== 'GET' && method !== 'HEAD') init.body = Readable.toWeb(request) as NodeReadableStream as ReadableStream
  return new Request(`http://${request.headers.host}${request.url}`, init)
}
