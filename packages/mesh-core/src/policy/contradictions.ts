/** What no single field shows: parts of a policy that contradict each other, or that could never act. */
import { accessContradictions } from './access-contradictions.ts'
import { atValue, type Complaint } from './complaints.ts'
import { checkKinds, effectivePolicy, laidOver } from './defaults.ts'
import type { BreakerPolicy, OutlierPolicy } from './effective.ts'
import type { PolicyDocument } from './schema.ts'
import { formatDuration } from './units.ts'

/**
 * Judges a document by what would hold with it. What it merely inherits is not its fault: an attempt timeout
 * from the defaults may well be longer than one service's own timeout.
 * @param defaults what the document is laid over; null for the defaults themselves
 */
export function contradictions(document: PolicyDocument, defaults: PolicyDocument | null): Complaint[] {
  return [
    ...ofDefaults(document),
    ...ofTime(document, defaults),
    ...ofCriteria(document, defaults),
    ...ofHealth(document, laidOver(defaults, document)),
    ...ofTargets(document, laidOver(defaults, document)),
    ...accessContradictions(document, laidOver(defaults, document)),
  ]
}

function ofDefaults({ service, external }: PolicyDocument): Complaint[] {
  if (service !== undefined || external === undefined) return []
  return [atValue(['external'], 'where a service lives is said in its own document; the defaults are about all services')]
}

function ofTime(document: PolicyDocument, defaults: PolicyDocument | null): Complaint[] {
  const found: Complaint[] = []
  const { policy } = effectivePolicy('', defaults, document)
  if (document.stream !== undefined && document.timeout !== undefined)
    found.push(atValue(['stream'], '`stream` and `timeout` exclude each other: a stream is bounded by `idle` and `total`; leave one out'))
  else if (document.attemptTimeout && document.attemptTimeout >= policy.timeoutMs)
    found.push(
      atValue(
        ['attemptTimeout'],
        `${formatDuration(document.attemptTimeout)} could never act, for the whole call ends after ${formatDuration(policy.timeoutMs)} (timeout)`,
      ),
    )
  const { idle, total } = document.stream ?? {}
  if (idle !== undefined && total !== undefined && idle >= total)
    found.push(
      atValue(['stream', 'idle'], `${formatDuration(idle)} could never act, for the stream ends after ${formatDuration(total)} (total)`),
    )
  const { baseMs, capMs } = policy.retry
  if (document.retry?.backoff !== undefined && capMs < baseMs)
    found.push(
      atValue(
        ['retry', 'backoff', document.retry.backoff.cap === undefined ? 'base' : 'cap'],
        `the cap of ${formatDuration(capMs)} is below the base of ${formatDuration(baseMs)}; write a cap of at least the base`,
      ),
    )
  return found
}

function ofCriteria(document: PolicyDocument, defaults: PolicyDocument | null): Complaint[] {
  const { policy } = effectivePolicy('', defaults, document)
  return (['breaker', 'outlier'] as const)
    .filter((section) => document[section] && isBlind(policy[section]))
    .map((section) =>
      atValue(
        [section],
        `no criterion is left on: \`consecutiveFailures\` is 0 and there is no \`successRate\`; to turn it off write \`${section}: false\``,
      ),
    )
}

function ofHealth(document: PolicyDocument, { health }: PolicyDocument): Complaint[] {
  if (!document.health || !health) return []
  const written = document.health
  const named = checkKinds.filter((kind) => written[kind] !== undefined)
  const [first, second] = named
  if (second !== undefined)
    return [
      atValue(['health', second], `\`${second}\` and \`${first}\` exclude each other: endpoints are checked in one way; leave one out`),
    ]
  if (checkKinds.some((kind) => health[kind] !== undefined)) return []
  return [
    atValue(
      ['health'],
      'nothing says what to check: write `http: { path: /healthz }`, `grpc: {}`, `tcp: true`, or `health: false` to turn it off',
    ),
  ]
}

function isBlind(policy: BreakerPolicy | OutlierPolicy | null): boolean {
  return policy !== null && policy.consecutiveFailures === 0 && policy.successRate === null
}

function ofTargets(document: PolicyDocument, all: PolicyDocument): Complaint[] {
  if (document.to === undefined) return []
  const found: Complaint[] = []
  const known = Object.keys(all.versions ?? {})
  const seen = new Set<string>()
  let sum = 0
  for (const [index, target] of document.to.entries()) {
    sum += target.weight ?? 1
    const path = ['to', index, 'version']
    if (!known.includes(target.version))
      found.push(
        atValue(
          path,
          `version \`${target.version}\` is not among \`versions\`${known.length === 0 ? ', which names none' : ` (${known.join(', ')})`}`,
        ),
      )
    if (seen.has(target.version)) found.push(atValue(path, `version \`${target.version}\` is named twice; add its weights up`))
    seen.add(target.version)
  }
  if (sum === 0) found.push(atValue(['to'], 'the weights sum to 0, so that no call could go anywhere'))
  return found
}
