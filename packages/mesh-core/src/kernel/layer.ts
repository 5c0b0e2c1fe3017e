/** The one grammar: everything in the mesh that sends is a Send, everything that adds to sending is a Layer. */
import type { Call } from './call.ts'
import type { Outcome } from './outcome.ts'

/** Carries a call to its end. Never rejects: what went wrong is in the outcome. */
export type Send = (call: Call) => Promise<Outcome>

/** Wraps a Send in one behaviour. */
export type Layer = (next: Send) => Send

/** Folds layers over a bottom, first layer outermost; `null` is a layer that this policy leaves out. */
export function stack(layers: readonly (Layer | null)[], bottom: Send): Send {
  return layers.reduceRight<Send>((next, layer) => (layer === null ? next : layer(next)), bottom)
}
