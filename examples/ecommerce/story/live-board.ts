/** The live numbers on a terminal: rate, latency, errors by page, breakers. */
import type { Fleet } from '../run/fleet.ts'
import { figures } from '../shoppers/figures.ts'
import { pageKinds } from '../shoppers/page-view.ts'
import type { Shoppers } from '../shoppers/shoppers.ts'
import { paymentBreakers } from './operator.ts'
import { inWords } from './pace.ts'
import type { Screen } from './screen.ts'

const everyMs = 400
const overMs = 3000

/** Redraws the numbers of the last three seconds until the returned function is called; does nothing where nobody could see them. */
export function showLive(screen: Screen, fleet: Fleet, shoppers: Shoppers): () => void {
  if (!screen.isLive) return () => {}
  let breakers = 'none'
  let isAsking = false
  const draw = (): void => {
    const now = performance.now()
    const views = shoppers.views(now - overMs, now)
    if (views.length === 0) return
    const all = figures(views, now)
    const pages = pageKinds.map((kind) => {
      const { failed, waiting } = figures(
        views.filter((view) => view.kind === kind),
        now,
      )
      return `${kind} ${failed}${waiting > 0 ? ` (${waiting} wait)` : ''}`
    })
    screen.live([
      '',
      `   ${Math.round(views.length / (overMs / 1000))} pages/s · p50 ${inWords(all.p50Ms)} · p99 ${inWords(all.p99Ms)} · breakers on payment: ${breakers}`,
      `   failed: ${pages.join(' · ')}`,
    ])
    if (!isAsking) void ask()
  }
  const ask = async (): Promise<void> => {
    isAsking = true
    // A cart that is just ending answers nothing: the next round asks again.
    breakers = await paymentBreakers(fleet.instances('cart')).then(
      (states) => states.join(', '),
      () => 'unknown',
    )
    isAsking = false
  }
  const timer = setInterval(draw, everyMs)
  return () => {
    clearInterval(timer)
    screen.live([])
  }
}
