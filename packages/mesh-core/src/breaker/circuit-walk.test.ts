import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { Outcome } from '../kernel/outcome.ts'
import { type Verdict, type VerdictName, verdicts } from '../kernel/verdict.ts'
import { Circuit, shut } from './circuit.ts'

const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
call.endpoint = new Endpoint('s', { address: 'a:1', labels: {}, zone: '', weight: 1 })

function outcomeOf(verdict: VerdictName, at: number): Outcome {
  return new Outcome(call, verdicts[verdict], {
    reply: null,
    error: null,
    code: '',
    at,
    retryAfterMs: -1,
    staleConnection: false,
    open: false,
  })
}

// The machine as a person would draw it, without opossum, epochs or windows.
class Drawn {
  state: 'closed' | 'open' | 'probing' = 'closed'
  row = 0
  openedAt = 0
  age = 0
  probe = -1

  settle(failed: boolean | null, age: number, { now, limit }: { now: number; limit: number }): void {
    if (age !== this.age) return
    if (this.state === 'probing') {
      this.age++
      if (failed === null) this.state = 'open'
      else if (failed) this.open(now)
      else {
        this.state = 'closed'
        this.row = 0
      }
    } else if (this.state === 'closed' && failed !== null) {
      this.row = failed ? this.row + 1 : 0
      if (failed && this.row >= limit) {
        this.age++
        this.open(now)
      }
    }
  }

  open(now: number): void {
    this.state = 'open'
    this.openedAt = now
    this.row = 0
  }

  enter(now: number, openForMs: number): boolean {
    if (this.state === 'closed') return true
    if (this.state === 'probing' || now < this.openedAt + openForMs) return false
    this.state = 'probing'
    this.age++
    return true
  }
}

const step = record({
  what: constantFrom('enter', 'enter', 'settle', 'settle', 'settle', 'wait', 'tune'),
  verdict: constantFrom<VerdictName>('ok', 'rejected', 'fault', 'fault', 'unavailable', 'late', 'cancelled', 'refused'),
  which: integer({ min: 0, max: 1000 }),
  ms: integer({ min: 1, max: 400 }),
})

test('whatever settles in whatever order, a circuit agrees with the machine as a person would draw it', async () => {
  await assert(
    property(array(step, { maxLength: 150 }), (steps) => {
      let now = 0
      const clock = { now: () => now, setTimer: () => ({ cancel: () => {}, keepAlive: () => {} }), exact: true }
      let limit = 3
      let openForMs = 500
      const circuit = new Circuit(clock, { consecutiveFailures: limit, successRate: null, openForMs }, () => {})
      const drawn = new Drawn()
      const under: { epoch: number; age: number }[] = []
      for (const { what, verdict, which, ms } of steps) {
        if (what === 'wait') now += ms
        else if (what === 'tune') {
          limit = 1 + (which % 4)
          openForMs = ms
          circuit.tune({ consecutiveFailures: limit, successRate: null, openForMs })
        } else if (what === 'enter') {
          const epoch = circuit.enter()
          expect(epoch !== shut).toBe(drawn.enter(now, openForMs))
          if (epoch !== shut) under.push({ epoch, age: drawn.age })
        } else if (under.length > 0) {
          const [ticket] = under.splice(which % under.length, 1) as [{ epoch: number; age: number }]
          const failed = verdict === 'cancelled' || verdict === 'refused' ? null : verdict !== 'ok' && verdict !== 'rejected'
          circuit.settled(outcomeOf(verdict, now), verdicts[verdict] as Verdict, ticket.epoch)
          drawn.settle(failed, ticket.age, { now, limit })
        }
        expect(circuit.state).toBe(drawn.state)
      }
      circuit.close()
    }),
  )
})
