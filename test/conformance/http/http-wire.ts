/** HTTP as the list of cases knows it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Mesh } from '@zerohop/mesh-core'
import { serveHttp } from '@zerohop/mesh-http'
import { LoopbackServer } from '../../support/loopback-server.ts'
import type { Serve, Wire } from '../wire.ts'
import { behave } from './http-behave.ts'
import { httpCaller } from './http-call.ts'
import { HttpDoor } from './http-door.ts'
import { answerInMemory } from './http-memory.ts'
import { receiveHttp } from './http-visit.ts'
import { statusOf, toldBy, wordOf } from './http-words.ts'

export const http: Wire = {
  name: 'http',
  countsUnseen: true,
  policyOf: (policy) => policy,
  statusOf,
  wordOf,
  methodOf: ({ method }) => method,
  caller: (mesh) => httpCaller(mesh),
  answer: answerInMemory,
  instance: (serve, fresh) =>
    new LoopbackServer((request, response) => {
      if (fresh) response.shouldKeepAlive = false
      playOn(serve, request, response)
    }),
  member: async (mesh: Mesh, serve: Serve) => {
    const app = (request: IncomingMessage, response: ServerResponse): void => playOn(serve, request, response)
    return (await serveHttp(mesh, app, { port: 0, host: '127.0.0.1', signals: false })).port
  },
  door: (mesh) => new HttpDoor(mesh),
  receive: receiveHttp,
}

function playOn(serve: Serve, request: IncomingMessage, response: ServerResponse): void {
  void behave(serve(toldBy(request.headers)), request, response)
}
