import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { Outcome } from '../kernel/outcome.ts'
import { type Verdict, type VerdictName, verdicts } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { Circuit, type CircuitCriteria, shut } from './circuit.ts'

const tenInARow: CircuitCriteria = { consecutiveFailures: 10, successRate: null, openForMs: 30_000 }

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

function underTest(criteria: CircuitCriteria = tenInARow) {
  const clock = fakeClock()
  const moves: string[] = []
  const circuit = new Circuit(clock, criteria, (state, reason) => moves.push(`${state}: ${reason}`))
  const settle = (verdict: VerdictName, epoch: number): void =>
    circuit.settled(outcomeOf(verdict, clock.now()), verdicts[verdict] as Verdict, epoch)
  const run = (verdict: VerdictName, times = 1): void => {
    for (let n = 0; n < times; n++) settle(verdict, circuit.enter())
  }
  return { clock, circuit, moves, settle, run }
}

describe('a circuit', () => {
  test('opens at the tenth failure in a row, for thirty seconds, and closes when one probe succeeds', async () => {
    const { circuit, clock, moves, run } = underTest()
    run('fault', 9)
    expect(circuit.state).toBe('closed')
    run('late')
    expect(circuit.state).toBe('open')
    await clock.advance(29_999)
    expect(circuit.enter()).toBe(shut)
    await clock.advance(1)
    const probe = circuit.enter()
    expect([circuit.state, circuit.isProbe(probe), circuit.enter()]).toEqual(['probing', true, shut])
    circuit.settled(outcomeOf('ok', clock.now()), verdicts.ok, probe)
    expect(circuit.state).toBe('closed')
    expect(moves).toEqual(['open: 10 failures in a row', 'probing: 10 failures in a row', 'closed: the probe succeeded'])
    run('fault', 9)
    expect(circuit.state).toBe('closed')
  })

  test('stays closed as long as a success comes before the tenth failure', () => {
    const { circuit, run } = underTest()
    for (let round = 0; round < 5; round++) {
      run('unavailable', 9)
      run('rejected')
    }
    expect(circuit.state).toBe('closed')
  })

  test('opens by the share of successes within its window', () => {
    const { circuit, run } = underTest({
      consecutiveFailures: 0,
      successRate: { below: 0.5, minCalls: 10, windowMs: 10_000 },
      openForMs: 1000,
    })
    for (let round = 0; round < 6; round++) {
      run('ok')
      run('fault')
    }
    expect(circuit.state).toBe('closed')
    run('throttled')
    expect([circuit.state, circuit.reason]).toEqual(['open', '6 of 13 calls succeeded, below 0.5'])
  })

  test('hears nothing from calls that were cancelled or refused', () => {
    const { circuit, run } = underTest({ ...tenInARow, consecutiveFailures: 2 })
    run('fault')
    run('cancelled', 50)
    run('refused', 50)
    expect(circuit.state).toBe('closed')
    run('fault')
    expect(circuit.state).toBe('open')
  })

  test('opens again for as long when its probe fails or is throttled', async () => {
    for (const verdict of ['fault', 'throttled'] as const) {
      const { circuit, clock, run } = underTest()
      run('fault', 10)
      await clock.advance('30s')
      run(verdict)
      expect(circuit.state).toBe('open')
      await clock.advance(29_999)
      expect(circuit.enter()).toBe(shut)
      await clock.advance(1)
      expect(circuit.enter()).not.toBe(shut)
    }
  })

  test('gives the place of a probe whose caller left to the next call', async () => {
    const { circuit, clock, run, settle } = underTest()
    run('fault', 10)
    await clock.advance('30s')
    run('cancelled')
    expect(circuit.state).toBe('open')
    const probe = circuit.enter()
    expect(circuit.isProbe(probe)).toBe(true)
    settle('ok', probe)
    expect(circuit.state).toBe('closed')
  })

  test('ignores what began before it opened, good or bad, while it is open and while it probes', async () => {
    const { circuit, clock, run, settle } = underTest()
    const early = circuit.enter()
    run('fault', 10)
    settle('ok', early)
    expect(circuit.state).toBe('open')
    await clock.advance('30s')
    const probe = circuit.enter()
    settle('ok', early)
    settle('fault', early)
    expect(circuit.state).toBe('probing')
    settle('ok', probe)
    // A probe that settles twice, as its body ends, is heard once.
    for (let n = 0; n < 10; n++) settle('fault', probe)
    expect(circuit.state).toBe('closed')
  })

  test('takes new criteria in place: counts stay, and an opening under way lasts as long as it now should', async () => {
    const { circuit, clock, run } = underTest()
    run('fault', 9)
    circuit.tune({ ...tenInARow, consecutiveFailures: 20 })
    run('fault', 10)
    expect(circuit.state).toBe('closed')
    run('fault')
    expect(circuit.state).toBe('open')
    await clock.advance('3s')
    circuit.tune({ ...tenInARow, openForMs: 3000 })
    expect(circuit.isProbe(circuit.enter())).toBe(true)
  })

  test('may wait longer after a policy that says so', async () => {
    const { circuit, clock, run } = underTest({ ...tenInARow, openForMs: 1000 })
    run('fault', 10)
    circuit.tune({ ...tenInARow, openForMs: 5000 })
    await clock.advance(4999)
    expect(circuit.enter()).toBe(shut)
    await clock.advance(1)
    expect(circuit.enter()).not.toBe(shut)
  })

  test('that nobody asks any more says that it closed, and never moves again', async () => {
    const { circuit, clock, moves, run, settle } = underTest({ ...tenInARow, consecutiveFailures: 1 })
    const early = circuit.enter()
    run('fault')
    await clock.advance('30s')
    const probe = circuit.enter()
    circuit.close()
    settle('fault', early)
    settle('fault', probe)
    expect(circuit.state).toBe('closed')
    expect(moves.at(-1)).toBe('closed: nothing asks for a breaker here any more')
    expect(moves).toHaveLength(3)
  })

  test('hands the probe its epoch even where a listener moves the circuit meanwhile', async () => {
    const clock = fakeClock()
    const circuit: Circuit = new Circuit(clock, { ...tenInARow, consecutiveFailures: 1 }, (state) => {
      if (state === 'probing') circuit.close()
    })
    circuit.settled(outcomeOf('fault', 0), verdicts.fault, circuit.enter())
    await clock.advance('30s')
    const probe = circuit.enter()
    circuit.settled(outcomeOf('fault', clock.now()), verdicts.fault, probe)
    expect(circuit.state).toBe('closed')
  })
})
