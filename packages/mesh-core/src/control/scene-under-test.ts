/** A mesh's side of the control API with everything around it that a test turns by hand. */
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { PolicySet } from '../policy/index.ts'
import { Control } from './control.ts'
import { type ControlOptions, controlSettings } from './control-options.ts'
import { ControlUnderTest } from './control-under-test.ts'

/** A clock that a test turns. */
export interface TurnedClock extends Clock {
  readonly pending: number
  advance(by: number | string): Promise<void>
}

/** What a test sees and turns. */
export interface Scene {
  readonly control: Control
  readonly api: ControlUnderTest
  readonly clock: TurnedClock
  readonly lines: string[]
  readonly sets: PolicySet[]
  readonly problems: (readonly string[])[]
  addresses(service: string): string[] | undefined
  /** Calls a service for the first time, as a door does. */
  call(service: string): Promise<string[] | undefined>
}

/** A service `cart` with one control API, nothing on disk, and nothing asked yet. */
export function scene(clock: TurnedClock, options: Partial<ControlOptions> = {}): Scene {
  const api = new ControlUnderTest(clock)
  const lines: string[] = []
  const log: Log = { info: (line) => lines.push(line), warn: (line) => lines.push(line), error: (line) => lines.push(line) }
  const settings = controlSettings({ control: 'http://control:7443', lastGood: false, instance: 'cart-1', ...options })
  if (settings === null) throw new Error('no settings')
  const control = new Control({
    service: 'cart',
    settings,
    own: null,
    http: api,
    clock,
    wallNow: Date.now,
    random: () => 0.5,
    log,
    sdk: '0.1.0',
    aside: (work) => work(),
  })
  const sets: PolicySet[] = []
  const problems: (readonly string[])[] = []
  control.begin({
    adopt: (set) => {
      sets.push(set)
      return []
    },
    refuse: (why) => problems.push(why),
  })
  const addresses = (service: string) => control.discovery.watch(service)?.current?.map(({ address }) => address)
  const call = async (service: string): Promise<string[] | undefined> => {
    const known = addresses(service)
    if (known !== undefined) return known
    await Promise.all([control.inquiries.inquire(service, 1000), clock.advance(0)])
    return addresses(service)
  }
  return { control, api, clock, lines, sets, problems, addresses, call }
}
