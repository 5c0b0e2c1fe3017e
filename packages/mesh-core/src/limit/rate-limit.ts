/** Refuses calls beyond a rate: the cheapest refusal there is. */
import type { Layer } from '../kernel/layer.ts'
import { refusalFor } from '../kernel/outcome.ts'
import type { TokenBucket } from './token-bucket.ts'

export function rateLimit(bucket: TokenBucket): Layer {
  return (next) => (call) => {
    const waitMs = bucket.take(call.startedAt)
    if (waitMs === 0) return next(call)
    return Promise.resolve(refusalFor(call, 'RATE_LIMITED', { at: call.startedAt, retryAfterMs: Math.ceil(waitMs) }))
  }
}
