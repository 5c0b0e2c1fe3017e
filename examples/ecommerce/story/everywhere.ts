/** Waits until something holds in every process, by what each process says of itself. */
import type { Written } from '../run/control-client.ts'
import type { ServiceProcess } from '../run/service-process.ts'
import { until } from '../run/until.ts'
import type { MeshPage } from '../web/admin.ts'
import { meshPage } from './operator.ts'
import { inWords } from './pace.ts'
import type { Seen } from './stage.ts'

/** What is waited for. */
export interface Expected {
  /** When the change was begun, by `performance.now()`. */
  readonly since: number
  /** Counted from `since`. */
  readonly withinMs: number
  /** True of the page of a process in which it holds. */
  readonly holds: (page: MeshPage) => boolean
}

/** Asks every process until it holds there. */
export async function untilEverywhere(processes: readonly ServiceProcess[], { since, withinMs, holds }: Expected): Promise<Seen> {
  const tookMs: number[] = []
  let open = processes
  const ok = await until(since + withinMs - performance.now(), async () => {
    const asked = open
    const held = await Promise.all(asked.map((one) => meshPage(one).then((page) => ({ holds: holds(page), at: performance.now() }))))
    for (const { holds, at } of held) if (holds) tookMs.push(at - since)
    open = asked.filter((_, index) => held[index]?.holds !== true)
    return open.length === 0
  })
  const took = `the first after ${inWords(Math.min(...tookMs))}, the last after ${inWords(Math.max(...tookMs))}`
  const late = open.map(({ instance }) => instance.name).join(', ')
  return {
    seen: ok ? `live in ${processes.length} processes, ${took}` : `after ${inWords(withinMs)} not live in ${late}`,
    ok: ok && Math.max(...tookMs) <= withinMs,
  }
}

/** True of a process that has adopted these policies, as far as they are part of its document: its own, those of services that it calls, the defaults. */
export function hasAdopted(written: readonly Written[]): (page: MeshPage) => boolean {
  return ({ service, explanation: { control } }) => {
    if (control === null) return false
    const concerns = (name: string): boolean => name === 'defaults' || name === service || control.uses.includes(name)
    return written.every((policy) => !concerns(policy.service) || control.revision >= policy.revision)
  }
}
