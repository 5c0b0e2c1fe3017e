/** What an HTTP status says about a request: the one table, for what this process receives and for what it answers. */
import { FAULT, OK, REJECTED, THROTTLED, UNAVAILABLE, type Verdict } from '@zerohop/mesh-core/transport'

/** The verdict of a status, where no policy says otherwise. */
export function statusVerdict(status: number): Verdict {
  if (status < 400) return OK
  if (status === 429) return THROTTLED
  if (status < 500) return REJECTED
  return status === 503 ? UNAVAILABLE : FAULT
}
