import { array, assert, constantFrom, double, integer, oneof, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RetryBudget } from './retry-budget.ts'

describe('a retry budget', () => {
  test('allows a quiet client ten retries a second over ten seconds, and no more', () => {
    const budget = new RetryBudget({ budgetRatio: 0.2, budgetMinPerSecond: 10 })
    for (let retry = 0; retry < 100; retry++) expect(budget.withdraw(500)).toBe(true)
    expect(budget.withdraw(500)).toBe(false)
    expect(budget.left(500)).toBe(0)
  })

  test('earns a fifth of a retry with each call', () => {
    const budget = new RetryBudget({ budgetRatio: 0.2, budgetMinPerSecond: 0 })
    for (let call = 0; call < 4; call++) budget.deposit(0)
    expect(budget.withdraw(0)).toBe(false)
    budget.deposit(0)
    expect(budget.left(0)).toBe(1)
    expect(budget.withdraw(0)).toBe(true)
    expect(budget.withdraw(0)).toBe(false)
  })

  test('forgets calls and retries slice by slice after ten seconds', () => {
    const budget = new RetryBudget({ budgetRatio: 1, budgetMinPerSecond: 0 })
    budget.deposit(0)
    budget.deposit(1000)
    expect(budget.left(9999)).toBe(2)
    expect(budget.left(10_000)).toBe(1)
    expect(budget.left(11_000)).toBe(0)
    budget.deposit(11_000)
    expect(budget.left(1e9)).toBe(0)
  })

  test('keeps its history under new bounds', () => {
    const budget = new RetryBudget({ budgetRatio: 0.2, budgetMinPerSecond: 1 })
    for (let retry = 0; retry < 10; retry++) budget.withdraw(0)
    budget.tune({ budgetRatio: 0.2, budgetMinPerSecond: 2 })
    expect(budget.left(0)).toBe(10)
    budget.tune({ budgetRatio: 0, budgetMinPerSecond: 0 })
    expect(budget.withdraw(0)).toBe(false)
  })

  test('counts a call that stood in line, and so began long ago, as one of now', () => {
    const budget = new RetryBudget({ budgetRatio: 1, budgetMinPerSecond: 0 })
    budget.deposit(60_000)
    budget.deposit(1000)
    expect(budget.left(60_000)).toBe(2)
  })
})

const bounds = record({ budgetRatio: double({ min: 0, max: 1, noNaN: true }), budgetMinPerSecond: integer({ min: 0, max: 3 }) })
const step = record({
  what: constantFrom('call', 'call', 'retry', 'retry', 'tune'),
  aheadMs: oneof(integer({ min: -500, max: 2500 }), integer({ min: 9000, max: 12_000 })),
  bounds,
})

test('whatever happens, a budget agrees with two lists of times', () => {
  assert(
    property(bounds, array(step, { maxLength: 120 }), (first, steps) => {
      const budget = new RetryBudget(first)
      let inForce = first
      let newest = 0
      let now = 5000
      let calls: number[] = []
      let retries: number[] = []
      for (const { what, aheadMs, bounds: next } of steps) {
        now = Math.max(0, now + aheadMs)
        newest = Math.max(newest, Math.floor(now / 1000))
        if (what === 'tune') {
          inForce = next
          budget.tune(next)
        } else if (what === 'call') {
          calls.push(newest)
          budget.deposit(now)
        }
        calls = calls.filter((slice) => slice > newest - 10)
        retries = retries.filter((slice) => slice > newest - 10)
        const earned = calls.length * inForce.budgetRatio + inForce.budgetMinPerSecond * 10
        const left = Math.max(0, Math.floor(earned - retries.length + 1e-9))
        expect(budget.left(now)).toBe(left)
        if (what !== 'retry') continue
        expect(budget.withdraw(now)).toBe(left >= 1)
        if (left >= 1) retries.push(newest)
      }
    }),
  )
})
