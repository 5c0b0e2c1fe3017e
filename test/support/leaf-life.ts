/** How short the life of a certificate may be on this machine, so that what is to be survived within it can happen. */
import { ControlProcess } from './control-process.ts'

// A restart of the control API is to take a quarter of half a life at most: the rest is for a machine that has more to do a moment later.
const restartsInLife = 8
const longestMs = 40_000

/** `leastMs`, or whole seconds more where starting a control API takes long here. */
export async function leafLife(leastMs: number): Promise<number> {
  const from = performance.now()
  await using _control = await ControlProcess.start('--tls', 'on')
  const startMs = performance.now() - from
  return Math.max(leastMs, Math.min(longestMs, Math.ceil((startMs * restartsInLife) / 1000) * 1000))
}
