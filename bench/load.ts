/** Thousands of calls, so many at once, and what they cost: what all benches over sockets have in common. */
import { setTimeout as pause } from 'node:timers/promises'
import { median } from './rounds.ts'

const settleMs = 5

/** One round of one contestant. */
export interface Round {
  readonly cpuUs: number
  readonly rps: number
  readonly latenciesMs: Float64Array
}

/** How much one round is. */
export interface Load {
  readonly calls: number
  readonly inFlight: number
}

/** Says what a process has spent so far, in microseconds of its CPU. */
export interface CpuMeter {
  /** After a collection of what earlier rounds threw away: else it would fall into this round or that. */
  atStart(): number | Promise<number>
  atEnd(): number | Promise<number>
}

/** This process. */
export const ownCpu: CpuMeter = {
  atStart() {
    // Of the young generation alone: a full collection drops compiled code and what it has learnt, and a round would measure how code warms up.
    globalThis.gc?.({ type: 'minor' })
    return this.atEnd()
  },
  atEnd() {
    const { user, system } = process.cpuUsage()
    return user + system
  },
}

/** Runs one round; by default it costs what it costs this process. */
export async function measure(call: () => Promise<unknown>, { calls, inFlight }: Load, cpu: CpuMeter = ownCpu): Promise<Round> {
  const latenciesMs = new Float64Array(calls)
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun < calls) {
      const at = begun++
      const startedAt = performance.now()
      await call()
      latenciesMs[at] = performance.now() - startedAt
    }
  }
  // What the round before this one has left to do, such as streams that close, is not this one's.
  await pause(settleMs)
  const before = await cpu.atStart()
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: inFlight }, lane))
  const tookMs = performance.now() - startedAt
  const spentUs = (await cpu.atEnd()) - before
  return { cpuUs: spentUs / calls, rps: (calls * 1000) / tookMs, latenciesMs: latenciesMs.sort() }
}

/** The rounds of each contestant, in order. */
export type Figures = Readonly<Record<string, readonly Round[]>>

/** A line of the table. */
export interface Row {
  readonly name: string
  readonly cpuUs: number
  readonly rps: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** The middle of each contestant's rounds. */
export function rowsOf(figures: Figures): Row[] {
  const quantile = ({ latenciesMs }: Round, share: number): number =>
    latenciesMs[Math.floor(share * (latenciesMs.length - 1))] ?? Number.NaN
  return Object.entries(figures).map(([name, all]) => ({
    name,
    cpuUs: rounded(median(all.map((one) => one.cpuUs))),
    rps: Math.round(median(all.map((one) => one.rps))),
    p50Ms: rounded(median(all.map((one) => quantile(one, 0.5)))),
    p99Ms: rounded(median(all.map((one) => quantile(one, 0.99)))),
  }))
}

/** The middle of pairs within a round: what the machine did besides in that round hit both. */
export function ratioOf(figures: Figures, one: string, other: string): number {
  const pairs = (figures[one] ?? []).map((own, at) => own.cpuUs / ((figures[other] ?? [])[at]?.cpuUs ?? Number.NaN))
  return rounded(median(pairs))
}

export function rounded(figure: number): number {
  return Number(figure.toFixed(3))
}
