/** Chooses the version that a call goes to: once per call, so that every attempt goes to the same one. */
import type { Layer } from '../kernel/layer.ts'
import type { Split } from './split.ts'

/** Writes `call.version`. */
export function route(split: Split): Layer {
  return (next) => (call) => {
    call.version = split.draw()
    return next(call)
  }
}
