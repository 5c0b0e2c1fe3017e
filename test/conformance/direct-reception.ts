/** A reception without sockets: visitors are calls that a wire would have made of their requests. */
import { Call, OK, Outcome, partsOf, type Reply } from '@zerohop/mesh-core/transport'
import type { Case, Visitor } from './case.ts'
import { identityOf } from './identities.ts'
import { type Reception, receivingMesh } from './reception.ts'
import { host } from './seen.ts'
import type { Wire } from './wire.ts'

const reply: Reply = { status: '200', discard: () => {} }

/** Opens it. */
export function directReception(policy: Case['policy'], wire: Wire): Reception {
  const mesh = receivingMesh(policy)
  const parts = partsOf(mesh)
  const answer = (call: Call): Outcome =>
    new Outcome(call, OK, { reply, error: null, code: '', at: parts.clock.now(), retryAfterMs: -1, staleConnection: false, open: false })
  const inbound = parts.inbound({
    name: 'direct',
    bottom: async (call) => answer(call),
    answer,
    header: (call, name) => (call.message as Visitor['headers'])[name] ?? null,
  })
  return {
    mesh,
    visit: async (visitor) => {
      const { path, headers } = visitor
      const method = wire.methodOf(visitor)
      const call = new Call({ service: host, method, path, kind: 'unary', message: headers, replayable: false, idempotent: false })
      call.startedAt = parts.clock.now()
      const spiffeId = identityOf(visitor)?.spiffeId ?? ''
      if (spiffeId !== '') call.caller = { service: parts.identity?.current?.serviceOf(spiffeId) ?? '', spiffeId }
      call.from = '127.0.0.1'
      return (await inbound.send(call)).code
    },
    close: () => mesh.close({ graceMs: 0 }),
  }
}
