/** All cases. */
import type { Case } from './case.ts'
import { access } from './cases/access.ts'
import { attempts } from './cases/attempts.ts'
import { avoidance } from './cases/avoidance.ts'
import { balance } from './cases/balance.ts'
import { breaker } from './cases/breaker.ts'
import { breakerProbe } from './cases/breaker-probe.ts'
import { budget } from './cases/budget.ts'
import { deadline } from './cases/deadline.ts'
import { codes, fault } from './cases/fault.ts'
import { health } from './cases/health.ts'
import { inbound } from './cases/inbound.ts'
import { limit } from './cases/limit.ts'
import { outlier } from './cases/outlier.ts'
import { rate } from './cases/rate.ts'
import { retrySafety } from './cases/retry-safety.ts'
import { secured } from './cases/secured.ts'
import { stream } from './cases/stream.ts'
import { trace } from './cases/trace.ts'
import { verdicts } from './cases/verdicts.ts'
import { waitForReady } from './cases/wait-for-ready.ts'
import { zones } from './cases/zones.ts'

/** The list, by theme. */
export const list: Readonly<Record<string, readonly Case[]>> = {
  verdicts,
  'retry: what is safe': retrySafety,
  'retry: how often, when and where': attempts,
  budget,
  deadline,
  'wait for ready': waitForReady,
  stream,
  breaker,
  'breaker: its probe': breakerProbe,
  outlier,
  limit,
  rate,
  balance,
  avoidance,
  zones,
  'active checks': health,
  fault,
  codes,
  trace,
  inbound,
  access,
  secured,
}
